r"""What a second look, and the crop's margin, are worth: a checkpoint on annotated photographs, boxes given.

    git show b9a812d:checkpoints/hourglass-fast.pt > before.pt
    python experiments/2026-11-plausible/measure.py before.pt --photographs lspet

Crops are blurred before they are made smaller, unlike `predict.joints.cut_out`'s.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from hourlift.data.recognise import recognise
from hourlift.data.sample import Sample
from hourlift.evaluation.pose_types import pose_types
from hourlift.geometry.crop import Crop, rescale_points
from hourlift.geometry.skeleton import H36M17
from hourlift.hourglass.heatmap import decode
from hourlift.hourglass.loss import activate
from hourlift.hourglass.network import STRIDE
from hourlift.metrics.pck import torso_length
from hourlift.predict.models.keypoints import TURNED_FROM_RAD, trunk_tilt
from hourlift.training.engine import checkpoint
from hourlift.training.hourglass.measures import measure

BLUR = 0.35
"""Standard deviation of the blur, in pixels of the crop."""


class Looks:
    """A hourglass that looks into crops of photographs, turned or not."""

    def __init__(self, file: Path, people: list[Sample], margin: float) -> None:
        self._model, meta = checkpoint.load_model(file)
        self._stage, size = meta["stage"], meta["stage"]["input_size"]
        self._images = [sample.load_image() for sample in people]
        self._crops = [Crop.from_box(sample.box_xyxy_px, size, margin) for sample in people]

    @torch.no_grad()
    def __call__(self, turn_rad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Joints (N, 17, 2) in the photographs' pixels and mean peaks (N,), each crop turned by so much."""
        joints, peaks = [], []
        for image, crop, turn in zip(self._images, self._crops, turn_rad, strict=True):
            crop = replace(crop, turn_rad=float(turn))
            if crop.scale < 1 / 1.3:
                image = cv2.GaussianBlur(image, (0, 0), BLUR / crop.scale)
            pixels = cv2.warpAffine(image, crop.affine, (crop.size, crop.size), flags=cv2.INTER_LINEAR)
            logits = self._model(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255)[-1]
            heatmaps = activate(logits, self._stage["loss"], self._stage["sigma"]).numpy()
            points, peak = decode(heatmaps, method="dark")
            joints.append(crop.to_image(rescale_points(points[0], STRIDE)))
            peaks.append(peak.mean())
        return np.array(joints), np.array(peaks)


def main() -> None:
    """Prints a table for every margin."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--margins", type=float, nargs="+", default=(1.1,), help="crop's side over the box's")
    options = parser.parse_args()
    people = list(recognise(options.photographs).samples("all"))
    true = np.stack([sample.joints_2d_px for sample in people])
    torso, kinds = torso_length(true, H36M17), pose_types(true)["trunk"]
    upright = np.zeros(len(people))
    for margin in options.margins:
        print(f"\nmargin {margin}: PCK@0.2 of all, {', '.join(kinds)}; swapped / collapsed")
        look = Looks(options.checkpoint, people, margin)
        first, sure = look(upright)
        tilt = trunk_tilt(first)
        second, surer = look(tilt)
        quarters = [look(upright + turn) for turn in np.pi / 2 * np.arange(4)]
        surest = np.argmax([peaks for _, peaks in quarters], axis=0)
        leans, better = np.abs(tilt) > TURNED_FROM_RAD, surer > sure
        answers = {
            "one look": first,
            "turned by the true trunk": look(trunk_tilt(true))[0],
            "turned the wrong way round": look(-trunk_tilt(true))[0],
            "turned by the trunk found": second,
            "the surer of both": np.where(better[:, None, None], second, first),
            "the surer, from 30 degrees on": np.where((leans & better)[:, None, None], second, first),
            "the surest of four quarters": np.stack([joints for joints, _ in quarters])[surest, np.arange(len(people))],
        }
        for name, joints in answers.items():
            scores = [measure(joints[who], true[who], torso[who], 128) for who in (slice(None), *kinds.values())]
            pck = " ".join(f"{100 * score['pck']:.1f}" for score in scores)
            print(f"{name:30} {pck} %; {100 * scores[0]['swapped']:.1f} / {100 * scores[0]['collapsed']:.1f} %")


if __name__ == "__main__":
    main()
