"""Stage 1 inference: boxes in an image -> square crops -> hourglass -> 2D joints in the image's pixels."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Image
from hourlift.geometry.crop import Crop, rescale_points
from hourlift.geometry.skeleton import H36M17, skeleton_of
from hourlift.hourglass.heatmap import DecodeMethod, decode
from hourlift.predict.models.confidence import Calibration, gather_evidence
from hourlift.predict.models.runtime import Model

TURNED_FROM_RAD = math.radians(30)
"""Lean of the trunk above which the crop is turned and estimated again."""

_TRUNK = H36M17.indices("pelvis", "thorax", "head")

log = logging.getLogger(__name__)


class Joints2D(NamedTuple):
    """Output of the hourglass for N boxes."""

    joints_px: NDArray[np.float64]
    """(N, 17, 2) image pixels; they may lie outside the image."""
    scores: NDArray[np.float64]
    """(N, 17) heatmap scores in [0, 1], used by searches: they are low where a crop does not fit a person."""
    heatmaps: NDArray[np.float32]
    """(N, 17, H, W), or (N, 21, H, W) with the foot points; `JointEstimator.confidence` reads them."""
    feet_px: NDArray[np.float64] | None = None
    """(N, 4, 2) the FOOT_POINTS in image pixels; None if the hourglass does not find them."""

    def rows(
        self,
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32], NDArray[np.float64] | None]]:
        """The N people one by one: joints (17, 2), scores (17,), heatmaps and feet (4, 2) or None."""
        feet = [None] * len(self.scores) if self.feet_px is None else self.feet_px
        return zip(self.joints_px, self.scores, self.heatmaps, feet, strict=True)

    def take(self, people: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """A copy with the given people only."""
        feet_px = None if self.feet_px is None else self.feet_px[people]
        return type(self)(self.joints_px[people], self.scores[people], self.heatmaps[people], feet_px)

    def put(self, people: NDArray[np.intp] | NDArray[np.bool_], others: Self) -> None:
        """Replace the given people by others."""
        for part, other in zip(self, others, strict=True):
            if part is not None and other is not None:
                part[people] = other


class Estimate(Protocol):
    """Boxes (N, 4) xyxy px -> their 2D joints: the interface to stage 1 for searches and tracks."""

    def __call__(self, boxes_xyxy_px: NDArray[np.float64], turns_rad: NDArray[np.float64] | None = None, /) -> Joints2D:
        """Estimate the joints in each box, from crops turned by the given angles (N,)."""


class JointEstimator:
    """The hourglass with cropping, decoding and calibration.

    Args:
        model: a hourglass.
        flip_test: average the heatmaps with those of the mirrored crop: doubles the time, slightly more accurate.
        turn: estimate a second time people whose trunk leans by more than `TURNED_FROM_RAD` in their crop, in a crop
            turned so that the trunk is upright, and keep the better result: most training people are upright.
    """

    def __init__(self, model: Model, *, flip_test: bool = False, turn: bool = True) -> None:
        self._model = model
        self._flip_test = flip_test
        self._turn = turn
        self._size = int(model.contract["input_size"])
        self._margin = float(model.contract["crop_margin"])
        self._decode: DecodeMethod = model.contract["decode"]
        self._calibration = Calibration.of_contract(model.contract)
        if self._calibration is None:
            log.info("%s is not calibrated: confidence is the heatmap's peak; see `hourlift calibrate`", model.path)

    def confidence(self, scores: NDArray[np.float64], heatmaps: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probability that joints are correct, by the model's calibration; the scores if it has none.

        Separate from `estimate`, as searches and tracks use the scores: only reported people need it.

        Args:
            scores: (N, 17).
            heatmaps: (N, 17, H, W), or (N, 21, H, W) with the foot points.

        Returns:
            (N, 17) from 0 to 1, or (N, 21).
        """
        if self._calibration is not None:
            return self._calibration(gather_evidence(heatmaps))
        feet = heatmaps[:, H36M17.num_joints :].max(axis=(2, 3)).clip(0.0, 1.0)
        return np.concatenate([scores, feet], axis=1)

    def estimate(
        self, image_rgb: Image, boxes_xyxy_px: NDArray[np.float64], turns_rad: NDArray[np.float64] | None = None
    ) -> Joints2D:
        """Find the joints of the person in each box.

        Args:
            image_rgb: (H, W, 3) uint8.
            boxes_xyxy_px: (N, 4); boxes may extend beyond the image.
            turns_rad: (N,) expected lean of each person to the right; None means upright.
        """
        crops = [Crop.from_box(box, self._size, self._margin) for box in boxes_xyxy_px]
        if turns_rad is not None and not turns_rad.any():
            turns_rad = None
        if self._turn and turns_rad is not None:
            crops = [replace(crop, turn_rad=float(turn)) for crop, turn in zip(crops, turns_rad, strict=True)]
        answer = self._look_into(image_rgb, crops)
        if self._turn:
            tilt = trunk_tilt(answer.joints_px)
            lean = tilt if turns_rad is None else np.remainder(tilt - turns_rad + np.pi, 2 * np.pi) - np.pi
            leaning = np.flatnonzero(np.abs(lean) > TURNED_FROM_RAD)
            turned = [replace(crops[person], turn_rad=float(tilt[person])) for person in leaning]
            if turned:
                second = self._look_into(image_rgb, turned)
                surer = second.scores.mean(-1) > answer.scores[leaning].mean(-1)
                answer.put(leaning[surer], second.take(surer))
        return answer

    def _look_into(self, image_rgb: Image, crops: Sequence[Crop]) -> Joints2D:
        heatmaps = self._heatmaps(cut_out(image_rgb, crops, self._size))
        skeleton = skeleton_of(heatmaps.shape[1])
        points, scores = decode(heatmaps, self._decode, skeleton.flip_pairs)
        points = rescale_points(points, self._size / heatmaps.shape[-1])
        in_image = [crop.to_image(p) for crop, p in zip(crops, points, strict=True)]
        points_px = np.array(in_image).reshape(-1, skeleton.num_joints, 2)
        joints_px, feet_px = np.split(points_px, [H36M17.num_joints], axis=1)
        joint_scores = np.clip(scores[:, : H36M17.num_joints], 0.0, 1.0).astype(float)
        return Joints2D(joints_px, joint_scores, heatmaps, feet_px if skeleton is not H36M17 else None)

    def _heatmaps(self, batch: Image) -> NDArray[np.float32]:
        """(N, S, S, 3) crops -> (N, 17, H, W) heatmaps, or (N, 21, H, W) with the foot points."""
        heatmaps = self._run(batch)
        if not self._flip_test:
            return heatmaps
        mirrored = self._run(np.ascontiguousarray(batch[:, :, ::-1]))[..., ::-1]
        permutation = skeleton_of(heatmaps.shape[1]).flip_permutation
        return np.asarray((heatmaps + mirrored[:, permutation]) / 2, dtype=np.float32)

    def _run(self, batch: Image) -> NDArray[np.float32]:
        outputs = self._model.run_all(batch)
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=1)


def trunk_tilt(joints_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lean of trunks to the right in the image, from head, thorax and pelvis, which cannot be swapped left and right.

    Args:
        joints_px: (N, 17, 2).

    Returns:
        (N,) radians from -pi to pi.
    """
    trunk = joints_px[:, _TRUNK]
    up = (trunk[:, 1] + trunk[:, 2]) / 2 - trunk[:, 0]
    return np.asarray(np.arctan2(up[:, 0], -up[:, 1]))


def expected_turn(joints_px: NDArray[np.float64]) -> float:
    """Turn, in radians, of the next crop of a person (17, 2) px: their lean if it is large enough, else 0."""
    tilt = float(trunk_tilt(joints_px[None])[0])
    return tilt if abs(tilt) > TURNED_FROM_RAD else 0.0


def cut_out(image_rgb: Image, crops: Sequence[Crop], size: int) -> Image:
    """Cut square crops out of an image.

    Args:
        image_rgb: (H, W, 3) uint8.
        crops: N squares, each ``size`` pixels wide when cut out.
        size: S.

    Returns:
        (N, S, S, 3) uint8; black where a square extends beyond the image.
    """
    out = np.zeros((len(crops), size, size, 3), dtype=np.uint8)
    for target, crop in zip(out, crops, strict=True):
        _cut_one(image_rgb, crop, target)
    return out


def _cut_one(image_rgb: Image, crop: Crop, target: Image) -> None:
    """Warp one crop into ``target`` (S, S, 3).

    Bilinear sampling reads four pixels whatever its step, so a large square is first halved until the remaining
    reduction is less than twofold. Only the region under the square is read, which also stays within warpAffine's limit
    of 32,767 pixels.
    """
    height, width = image_rgb.shape[:2]
    factor = 1
    while crop.side_px >= 2 * factor * crop.size:
        factor *= 2
    across = abs(math.cos(crop.turn_rad)) + abs(math.sin(crop.turn_rad))
    reach = across * crop.side_px / 2 + 2 * factor
    (x0, x1), (y0, y1) = map(_span, crop.center_px, (reach, reach), (width, height), (factor, factor))
    if x0 >= x1 or y0 >= y1:
        return  # the square lies outside the image
    region = image_rgb[y0:y1, x0:x1]
    center = np.array(crop.center_px) - (x0, y0)
    side = crop.side_px
    for _ in range(factor.bit_length() - 1):
        region = _halved(region)
    center, side = rescale_points(center, 1 / factor), side / factor
    reduced = replace(crop, center_px=(float(center[0]), float(center[1])), side_px=side)
    cv2.warpAffine(region, reduced.affine, (crop.size, crop.size), dst=target, flags=cv2.INTER_LINEAR)


def _span(center: float, reach: float, limit: int, factor: int) -> tuple[int, int]:
    """First pixel and end of the needed range, in whole blocks of a factor unless the image ends."""
    first = max(math.floor(center - reach), 0)
    blocks = -(-(math.ceil(center + reach) + 1 - first) // factor)
    return first, min(first + blocks * factor, limit)


def _halved(region: Image) -> Image:
    """Mean over blocks of 2 x 2 pixels; incomplete blocks are padded with black."""
    height, width = region.shape[:2]
    if height % 2 or width % 2:
        region = cv2.copyMakeBorder(region, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT)  # type: ignore[assignment]
    size = (region.shape[1] // 2, region.shape[0] // 2)
    return cv2.resize(region, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
