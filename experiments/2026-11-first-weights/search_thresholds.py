"""Which confidence tells a person from nothing? Fits of true boxes, of wrong finds and of empty images.

Synthetic scenes that no training has seen: a person somewhere in the frame, small or large, or no person.

    python experiments/2026-11-first-weights/search_thresholds.py --count 200
"""

import numpy as np
import torch
import tyro

from hourlift import PosePredictor
from hourlift.geometry.crop import box_from_joints
from hourlift.predict.people import search
from hourlift.synth.camera.views import ViewConfig
from hourlift.synth.generate import Generator, SynthConfig

SEED = 8_000_003


def main(count: int = 200, weights: str = "hourglass-fast", lifter: str = "lifter", size: int = 384) -> None:
    """Print percentiles of `search.crop_score`, how many people are found, and how well a threshold separates.

    Args:
        count: scenes with a person, and as many without.
        weights: hourglass, by name or file.
        lifter: lifter, by name or file.
        size: side of the scenes, pixels.
    """
    torch.set_num_threads(2)
    views = ViewConfig(margin=(1.1, 3.0), shift=0.15, truncated_share=0.0)
    scenes = {
        share: Generator(SynthConfig(size=size, views=views, empty_share=share, bank_seed=SEED)) for share in (0.0, 1.0)
    }
    predictor = PosePredictor(weights, lifter)
    batches = range(0, count, 20)
    fits: dict[str, list[float]] = {"true box": [], "found right": [], "found wrong": [], "empty image": []}
    for start in batches:
        batch = scenes[0.0].render((SEED, start), min(20, count - start))
        for image, joints in zip(batch.images.permute(0, 2, 3, 1).numpy(), batch.joints_2d_px.numpy(), strict=True):
            box = box_from_joints(joints)
            fits["true box"].append(float(search.crop_score(predictor._joints.estimate(image, box[None]).scores[0])))
            best = _best(predictor, image)
            if best is not None:
                right = search.iou(best.box_xyxy_px, box) > 0.5
                fits["found right" if right else "found wrong"].append(best.crop_score)
        batch = scenes[1.0].render((SEED, start), min(20, count - start))
        bests = (_best(predictor, image) for image in batch.images.permute(0, 2, 3, 1).numpy())
        fits["empty image"] += [0.0 if best is None else best.crop_score for best in bests]
    for name, values in fits.items():
        shown = " ".join(f"{p:.2f}" for p in np.percentile(values, [5, 25, 50, 75, 95])) if values else "-"
        print(f"{name:14s} {len(values):4d}   fit at 5/25/50/75/95 %: {shown}")
    for threshold in np.arange(0.05, 0.5, 0.05):
        shares = {name: np.mean(np.array(fits[name] or [0.0]) >= threshold) for name in fits}
        right = len(fits["found right"]) * shares["found right"] / count
        wrong = len(fits["found wrong"]) * shares["found wrong"] / count
        print(f"at {threshold:.2f}: found {right:.0%}, elsewhere {wrong:.0%}, in empty {shares['empty image']:.0%}")


def _best(predictor: PosePredictor, image: np.ndarray) -> search.Detection | None:
    """The best place of the whole search, however unsure."""
    estimate = predictor._joints.estimate
    found = [
        search.refine(boxes, lambda boxes: estimate(image, boxes))
        for boxes in search.search_boxes((image.shape[1], image.shape[0]))
    ]
    return max((f for f in found if f is not None), key=lambda f: f.crop_score, default=None)


if __name__ == "__main__":
    tyro.cli(main)
