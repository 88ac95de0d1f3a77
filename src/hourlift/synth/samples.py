"""Rendered people as samples; each can be rendered again from the configuration and its `Sample.seed`.

    sample = next(load_shards("people"))               # written by `hourlift synth -o people --preset sport`
    again = remake(sport(), sample.seed)

The position and length of a batch depend only on the number of the image and its size: image 17 of seed 7 is the same
whether 18 or a million images are rendered, by one or several processes.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from hourlift.data.sample import OUTSIDE, VISIBLE, Sample
from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import box_from_joints
from hourlift.synth.generate import Generator, SynthBatch, SynthConfig

_PEOPLE_AT_ONCE = 16
_PIXELS_AT_ONCE = _PEOPLE_AT_ONCE * 512**2  # fewer large images are rendered at a time, to limit memory


def render_samples(config: SynthConfig, seed: int, count: int, *, first: int = 0) -> Iterator[Sample]:
    """Render people one after the other.

    Args:
        config: configuration of the generator; its bank_seed is replaced by the seed.
        seed: seed of the run; the same seed gives the same people.
        count: number of people.
        first: number of the first person.

    Yields:
        Samples. Joints outside the image are NaN in 2D, because no annotator could place them.

    Raises:
        ValueError: the folder of photographs or of motion contains no readable file.
    """
    generator = _generator(replace(config, bank_seed=seed))
    together = max(1, min(_PEOPLE_AT_ONCE, _PIXELS_AT_ONCE // config.size**2))
    for batch_number in range(first // together, -(-(first + count) // together)):
        batch = generator.render((seed, batch_number), together)
        for i in range(together):
            number = batch_number * together + i
            if first <= number < first + count:
                yield to_sample(batch, i, (seed, number))


@lru_cache(maxsize=1)
def _generator(config: SynthConfig) -> Generator:
    return Generator(config)


def remake(config: SynthConfig, seed: tuple[int, int]) -> Sample:
    """Render again the sample of `render_samples` with this configuration and this `Sample.seed`."""
    return next(render_samples(config, seed[0], 1, first=seed[1]))


def to_sample(batch: SynthBatch, i: int, seed: tuple[int, int]) -> Sample:
    """Person i of a batch that is rendered again from its seed."""
    image = batch.images[i].permute(1, 2, 0).contiguous().cpu().numpy()
    size = image.shape[0]
    visibility = batch.visibility[i].cpu().numpy().astype(np.uint8)
    joints_px = np.where((visibility == OUTSIDE)[:, None], np.nan, batch.joints_2d_px[i].cpu().numpy())
    feet = batch.feet_visibility[i].cpu().numpy().astype(np.uint8)
    focal, (cx, cy) = float(batch.focal_px[i]), batch.centre_px[i].tolist()
    return Sample(
        id=f"synthetic-{seed[0]}-{seed[1]}",
        image=image,
        image_wh=(size, size),
        joints_2d_px=joints_px.astype(np.float32),
        visible=visibility == VISIBLE,
        visibility=visibility,
        box_xyxy_px=np.clip(box_from_joints(joints_px), -0.5, size - 0.5).astype(np.float32),
        joints_3d_cam_mm=batch.joints_3d_cam_mm[i].cpu().numpy(),
        camera=Camera(fx=focal, fy=focal, cx=cx, cy=cy, image_wh=(size, size)),
        mask=batch.mask[i].cpu().numpy(),
        feet_2d_px=np.where((feet == OUTSIDE)[:, None], np.nan, batch.feet_2d_px[i].cpu().numpy()).astype(np.float32),
        feet_3d_cam_mm=batch.feet_3d_cam_mm[i].cpu().numpy(),
        feet_visibility=feet,
        height_mm=round(float(batch.height_mm[i]), 1),
        seed=seed,
    )
