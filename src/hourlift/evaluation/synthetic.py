"""People that no training run has seen, rendered on the fly, with their truth in 2D and 3D."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hourlift.data.sample import OUTSIDE, VISIBLE, Sample
from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import box_from_joints
from hourlift.synth.generate import Generator, SynthBatch, SynthConfig

HELD_OUT_SEED = 20_000_000
"""Training seeds are small; so are those of its backgrounds."""
SIZE = 320  # rendered larger than the network's input, as a photograph is

_BATCH = 16


def synthetic_samples(
    count: int, seed: int = HELD_OUT_SEED, size: int = SIZE, photos: Path | None = None
) -> Iterator[Sample]:
    """Render people one after the other.

    Args:
        count: how many.
        seed: the same seed gives the same people.
        size: side of the square pictures.
        photos: folder of photographs without people, for backgrounds and cloth.

    Yields:
        Samples whose joints outside of the picture are NaN in 2D, as no annotator could place them.

    Raises:
        ValueError: the folder holds no readable picture.
    """
    generator = Generator(SynthConfig(size=size, bank_seed=seed, photos=photos))
    for start in range(0, count, _BATCH):
        batch = generator.render((seed, start), min(_BATCH, count - start))
        for i in range(len(batch)):
            yield _sample(batch, i, f"synthetic-{seed}-{start + i}")


def _sample(batch: SynthBatch, i: int, name: str) -> Sample:
    image = batch.images[i].permute(1, 2, 0).contiguous().numpy()
    size = image.shape[0]
    visibility = batch.visibility[i].numpy()
    joints_px = np.where((visibility == OUTSIDE)[:, None], np.nan, batch.joints_2d_px[i].numpy())
    focal, (cx, cy) = float(batch.focal_px[i]), batch.centre_px[i].tolist()
    return Sample(
        id=name,
        image=image,
        image_wh=(size, size),
        joints_2d_px=joints_px.astype(np.float32),
        visible=visibility == VISIBLE,
        box_xyxy_px=np.clip(box_from_joints(joints_px), -0.5, size - 0.5).astype(np.float32),
        joints_3d_cam_mm=batch.joints_3d_cam_mm[i].numpy(),
        camera=Camera(fx=focal, fy=focal, cx=cx, cy=cy, image_wh=(size, size)),
    )
