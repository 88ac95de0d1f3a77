"""Training crops from a data set: a square around each person, cut once or whenever needed.

If a person's image is a file, it is read and cropped each time. If it is already in memory (shards, videos), it is
cropped once and kept as JPEG, about 15 KB at 256 pixels, so that large data sets fit into memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.geometry.crop import Crop
from hourlift.geometry.skeleton import FOOT_POINTS
from hourlift.predict.models.keypoints import cut_out
from hourlift.training.people import rows_of_step

_JPEG_QUALITY = 95


class CropBatch(NamedTuple):
    """A batch of crops."""

    images: Tensor
    """(B, 3, S, S) uint8."""
    joints_px: Tensor
    """(B, J, 2) pixels of the crop; NaN where not annotated. J is 17, or 21 with the feet."""
    visible: Tensor
    """(B, J) bool."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PersonCrop:
    """One person, ready to be cropped.

    Attributes:
        image: A sample with an image file, or the crop as JPEG.
        crop: Position of the crop in the image.
        joints_px: (J, 2) pixels of the crop.
        visible: (J,).
    """

    image: Sample | bytes
    crop: Crop
    joints_px: NDArray[np.float32]
    visible: NDArray[np.bool_]

    def pixels(self) -> NDArray[np.uint8]:
        """(S, S, 3) RGB.

        Raises:
            ValueError: the image cannot be read.
        """
        if isinstance(self.image, Sample):
            return cut_out(self.image.load_image(), [self.crop], self.crop.size)[0]
        decoded = cv2.imdecode(np.frombuffer(self.image, np.uint8), cv2.IMREAD_COLOR_RGB)
        assert decoded is not None, "we encoded it ourselves"
        return decoded.astype(np.uint8, copy=False)


def cut(people: Iterable[Sample], size: int, *, feet: bool = False) -> list[PersonCrop]:
    """Prepare people for training.

    Args:
        people: annotated people; those without any known 2D joint are skipped.
        size: side of the crops in pixels.
        feet: whether the foot points follow the 17 joints; NaN if a data set has none.

    Raises:
        ValueError: no people are left, an image is missing, or a box is empty; the message names the sample.
    """
    crops = [_person(sample, size, feet) for sample in people if np.isfinite(sample.joints_2d_px).all(-1).any()]
    if not crops:
        raise UserError("no person in the data set has a known 2D joint")
    return crops


def _person(sample: Sample, size: int, feet: bool) -> PersonCrop:
    try:
        crop = Crop.from_box(sample.box_xyxy_px, size)
    except ValueError as error:
        raise UserError(f"sample {sample.id}: {error}") from error
    image: Sample | bytes = sample
    if isinstance(sample.image, Path):
        if not sample.image.is_file():
            raise UserError(f"{sample.image} does not exist, but sample {sample.id} is annotated on it")
    else:
        pixels = cut_out(sample.image, [crop], size)[0]
        encoded = cv2.imencode(
            ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        )[1]
        image = encoded.tobytes()
    points_px, visible = sample.joints_2d_px, sample.visible
    if feet:
        unknown = np.full((len(FOOT_POINTS), 2), np.nan, np.float32)
        feet_px = unknown if sample.feet_2d_px is None else sample.feet_2d_px
        points_px = np.concatenate([points_px, feet_px])
        visible = np.concatenate([visible, np.isfinite(feet_px).all(-1)])
    return PersonCrop(image=image, crop=crop, joints_px=crop.to_crop(points_px).astype(np.float32), visible=visible)


def load(people: Sequence[PersonCrop]) -> CropBatch:
    """Loads crops of people."""
    pixels = np.stack([person.pixels() for person in people])
    return CropBatch(
        images=torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(),
        joints_px=torch.from_numpy(np.stack([person.joints_px for person in people])),
        visible=torch.from_numpy(np.stack([person.visible for person in people])),
    )


class StepCrops(Dataset[CropBatch]):
    """Item `step` is the batch of that step in this process, in the order of `people.rows_of_step`."""

    def __init__(self, people: Sequence[PersonCrop], *, batch_size: int, seed: int, rank: int, world_size: int) -> None:
        self._people, self._batch_size, self._seed = people, batch_size, seed
        self._rank, self._world_size = rank, world_size

    def __getitem__(self, step: int) -> CropBatch:
        rows = rows_of_step(len(self._people), self._batch_size, self._seed, step, self._rank, self._world_size)
        return load([self._people[row] for row in rows])
