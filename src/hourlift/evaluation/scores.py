"""Scores of outcomes: 2D and 3D metrics of a group of people, per joint, and per video if there are videos."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hourlift.evaluation.run import Outcome
from hourlift.geometry.align import root_relative
from hourlift.geometry.crop import Crop
from hourlift.geometry.skeleton import H36M17, LIMB_JOINTS
from hourlift.metrics import (
    heatmap_pck,
    mpjpe,
    mpjpe_per_joint,
    mpjve,
    n_mpjpe,
    pa_mpjpe,
    pair_confusion,
    pck,
    pck_per_joint,
    pckh,
    torso_length,
)

PCK_THRESHOLD = 0.2
LIMB_PAIRS = [pair for pair in H36M17.flip_pairs if H36M17.joint_names[pair[0]] in LIMB_JOINTS]
"""Index pairs (left, right) of the limb joints used for `swapped` and `collapsed`."""

_MPII_LEAVES_OUT = ("pelvis", "thorax")


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of one group of people. Shares are in [0, 1]; NaN if there is nothing to measure."""

    people: int
    found: int
    pck: float
    """PCK@0.2 of the 12 limb joints: distance below 0.2 x (left shoulder to right hip). Missed people are wrong."""
    accuracy: float
    """PCK on heatmap scale, all joints: distance below 1/20 of the crop's side, as in the report's accuracy curves."""
    pckh: float
    """PCKh@0.5 of people with a head box, without pelvis and thorax, as in MPII's table."""
    pck_per_joint: dict[str, float]
    """PCK@0.2 of each joint. A joint not annotated by the data set is a mean of other joints: see map_joints."""
    swapped: float
    """Share of left-right limb pairs, in truth clearly apart, that are swapped."""
    collapsed: float
    """Share of these pairs with both joints found on the same limb."""
    mpjpe_mm: float
    """Root-relative error of the people found who have 3D truth; mean over frames."""
    n_mpjpe_mm: float
    """Error after the optimal scaling."""
    pa_mpjpe_mm: float
    """Error after the optimal similarity transform."""
    mpjve_mm: float
    """Error of the motion between consecutive frames, in mm per frame; for videos, if both frames were evaluated."""
    mpjpe_per_joint_mm: dict[str, float]


def score(outcomes: Sequence[Outcome]) -> Scores:
    """Score a group of people, which may be empty."""
    true_px = np.array([outcome.sample.joints_2d_px for outcome in outcomes]).reshape(-1, H36M17.num_joints, 2)
    predicted_px = np.full_like(true_px, np.nan)
    for row, outcome in zip(predicted_px, outcomes, strict=True):
        if outcome.pose is not None:
            row[:] = outcome.pose.joints_2d_px
    torso_px = torso_length(true_px, H36M17)
    sides_px = np.array([crop_side(outcome) for outcome in outcomes])
    limbs = H36M17.indices(*LIMB_JOINTS)
    per_joint = pck_per_joint(predicted_px, true_px, torso_px, PCK_THRESHOLD)
    confusion = pair_confusion(predicted_px, true_px, torso_px, LIMB_PAIRS)
    predicted_mm, true_mm = _in_space(outcomes)
    return Scores(
        people=len(outcomes),
        found=sum(outcome.pose is not None for outcome in outcomes),
        pck=pck(predicted_px[:, limbs], true_px[:, limbs], torso_px, PCK_THRESHOLD),
        accuracy=heatmap_pck(predicted_px, true_px, sides_px),
        pckh=_pckh(outcomes, predicted_px, true_px),
        pck_per_joint=dict(zip(H36M17.joint_names, per_joint.tolist(), strict=True)),
        swapped=confusion.swapped_share,
        collapsed=confusion.collapsed_share,
        mpjpe_mm=mpjpe(predicted_mm, true_mm),
        n_mpjpe_mm=n_mpjpe(predicted_mm, true_mm),
        pa_mpjpe_mm=pa_mpjpe(predicted_mm, true_mm),
        mpjve_mm=_mpjve(outcomes),
        mpjpe_per_joint_mm=dict(zip(H36M17.joint_names, mpjpe_per_joint(predicted_mm, true_mm).tolist(), strict=True)),
    )


def crop_side(outcome: Outcome) -> float:
    """Side of the square around the annotated box, in image pixels; NaN for an empty box."""
    x0, y0, x1, y1 = outcome.sample.box_xyxy_px.astype(float).tolist()
    return Crop.from_box((x0, y0, x1, y1), 1).side_px if x1 > x0 and y1 > y0 else float("nan")


def _pckh(outcomes: Sequence[Outcome], predicted_px: NDArray, true_px: NDArray) -> float:
    boxes = [outcome.sample.head_box_xyxy_px for outcome in outcomes]
    rows = [i for i, box in enumerate(boxes) if box is not None]
    columns = [i for i, name in enumerate(H36M17.joint_names) if name not in _MPII_LEAVES_OUT]
    heads = np.array([boxes[i] for i in rows], dtype=np.float64).reshape(-1, 4)
    return pckh(predicted_px[rows][:, columns], true_px[rows][:, columns], heads)


def _in_space(outcomes: Sequence[Outcome]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predicted and true root-relative joints (N, 17, 3) of people who have both."""
    both = [
        (outcome.pose.joints_3d_mm, outcome.sample.joints_3d_cam_mm)
        for outcome in outcomes
        if outcome.pose is not None and outcome.sample.joints_3d_cam_mm is not None
    ]
    predicted, true = np.array(both, dtype=np.float64).reshape(-1, 2, H36M17.num_joints, 3).swapaxes(0, 1)
    return predicted, root_relative(true, root=H36M17.root)


def _mpjve(outcomes: Sequence[Outcome]) -> float:
    """Mean over all pairs of consecutive frames, within each video only."""
    total, pairs = 0.0, 0
    for run in _runs(outcomes):
        predicted, true = _in_space(run)
        if len(predicted) > 1:
            total += mpjve(predicted, true) * (len(predicted) - 1)
            pairs += len(predicted) - 1
    return total / pairs if pairs else float("nan")


def _runs(outcomes: Sequence[Outcome]) -> Iterator[list[Outcome]]:
    """Consecutive frames of the same video, of people found who have 3D truth."""
    videos = defaultdict(list)
    for outcome in outcomes:
        source = outcome.sample.frame_id
        if source is not None and outcome.pose is not None and outcome.sample.joints_3d_cam_mm is not None:
            videos[source.video].append((source.frame, outcome))
    for frames in videos.values():
        frames.sort(key=lambda entry: entry[0])
        run: list[Outcome] = []
        before = None
        for number, outcome in frames:
            if before is not None and number != before + 1:
                yield run
                run = []
            run.append(outcome)
            before = number
        yield run
