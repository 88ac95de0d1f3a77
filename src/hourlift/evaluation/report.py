"""Outcomes -> scores -> JSON and Markdown."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourlift.evaluation.run import Outcome
from hourlift.geometry.align import root_relative
from hourlift.geometry.skeleton import H36M17, LIMB_JOINTS
from hourlift.metrics import mpjpe, n_mpjpe, pa_mpjpe, pair_confusion, pck, pck_per_joint, torso_length

SCHEMA = 1
PCK_THRESHOLD = 0.2
UPRIGHT_DEG = 45.0
"""People count as upright when mid-hips to mid-shoulders is within this angle of straight up in the picture."""

_LIMB_PAIRS = [pair for pair in H36M17.flip_pairs if H36M17.joint_names[pair[0]] in LIMB_JOINTS]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of one group of people; shares are in [0, 1], NaN where there is nothing to measure."""

    people: int
    found: int
    pck: float
    """PCK@0.2 over the 12 limb joints: distance below 0.2 x (left shoulder to right hip); a person not found misses."""
    pck_per_joint: dict[str, float]
    """The same of each joint. What the data set does not annotate itself is a mean of other joints: see map_joints."""
    swapped: float
    """Share of left-right limb pairs, clearly apart in truth, that are exchanged."""
    collapsed: float
    """Share of such pairs of which both are found on the same limb."""
    mpjpe_mm: float
    """Root-relative error; of the people found who have 3D truth."""
    n_mpjpe_mm: float
    """After the best scale."""
    pa_mpjpe_mm: float
    """After the best similarity."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an evaluation says."""

    title: str
    settings: dict[str, Any]
    groups: dict[str, Scores]
    median_ms: float
    """Median wall clock of a prediction."""

    def to_json(self) -> str:
        """JSON with `null` for what could not be measured."""
        content = {"schema": SCHEMA, **asdict(self)}
        return json.dumps(_without_nan(content), indent=2) + "\n"

    def to_markdown(self) -> str:
        """Two tables: the groups' scores, and PCK per joint."""
        rows = [
            ("people (found)", [f"{s.people} ({s.found})" for s in self.groups.values()]),
            (f"PCK@{PCK_THRESHOLD}, 12 limb joints", [_percent(s.pck) for s in self.groups.values()]),
            ("left-right pairs swapped", [_percent(s.swapped) for s in self.groups.values()]),
            ("left-right pairs collapsed", [_percent(s.collapsed) for s in self.groups.values()]),
            ("MPJPE", [_millimetres(s.mpjpe_mm) for s in self.groups.values()]),
            ("N-MPJPE", [_millimetres(s.n_mpjpe_mm) for s in self.groups.values()]),
            ("PA-MPJPE", [_millimetres(s.pa_mpjpe_mm) for s in self.groups.values()]),
        ]
        joints = [
            (name, [_percent(s.pck_per_joint[name]) for s in self.groups.values()]) for name in H36M17.joint_names
        ]
        settings = ", ".join(f"{key}: {value}" for key, value in self.settings.items())
        return (
            f"# {self.title}\n\n{settings}. Median {self.median_ms:.1f} ms a prediction.\n\n"
            f"{_table('', self.groups, rows)}\n{_table(f'PCK@{PCK_THRESHOLD}', self.groups, joints)}"
        )


def make_report(outcomes: Sequence[Outcome], title: str, settings: dict[str, Any]) -> Report:
    """Score outcomes: all people, and those who are upright in the picture.

    Args:
        outcomes: at least one.
        title: the report's heading.
        settings: what was evaluated and how, for the reader.

    Raises:
        ValueError: if there are no outcomes.
    """
    if not outcomes:
        raise ValueError("there is nobody to evaluate")
    upright = is_upright(np.stack([outcome.sample.joints_2d_px for outcome in outcomes]))
    return Report(
        title=title,
        settings=settings,
        groups={
            "all": _score(outcomes),
            "upright": _score([outcome for outcome, keep in zip(outcomes, upright, strict=True) if keep]),
        },
        median_ms=float(np.median([outcome.milliseconds for outcome in outcomes])),
    )


def is_upright(joints_px: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether the torso points up in the picture.

    Args:
        joints_px: (..., 17, 2).

    Returns:
        (...,) False also where pelvis or thorax are unknown.
    """
    pelvis, thorax = H36M17.indices("pelvis", "thorax")
    torso = joints_px[..., thorax, :] - joints_px[..., pelvis, :]
    return np.degrees(np.arctan2(np.abs(torso[..., 0]), -torso[..., 1])) <= UPRIGHT_DEG


def _score(outcomes: Sequence[Outcome]) -> Scores:
    true_px = np.array([outcome.sample.joints_2d_px for outcome in outcomes]).reshape(-1, H36M17.num_joints, 2)
    predicted_px = np.full_like(true_px, np.nan)
    for row, outcome in zip(predicted_px, outcomes, strict=True):
        if outcome.pose is not None:
            row[:] = outcome.pose.joints_2d_px
    torso_px = torso_length(true_px, H36M17)
    limbs = H36M17.indices(*LIMB_JOINTS)
    per_joint = pck_per_joint(predicted_px, true_px, torso_px, PCK_THRESHOLD)
    confusion = pair_confusion(predicted_px, true_px, torso_px, _LIMB_PAIRS)
    predicted_mm, true_mm = _in_space(outcomes)
    return Scores(
        people=len(outcomes),
        found=sum(outcome.pose is not None for outcome in outcomes),
        pck=pck(predicted_px[:, limbs], true_px[:, limbs], torso_px, PCK_THRESHOLD),
        pck_per_joint=dict(zip(H36M17.joint_names, per_joint.tolist(), strict=True)),
        swapped=confusion.swapped_share,
        collapsed=confusion.collapsed_share,
        mpjpe_mm=mpjpe(predicted_mm, true_mm),
        n_mpjpe_mm=n_mpjpe(predicted_mm, true_mm),
        pa_mpjpe_mm=pa_mpjpe(predicted_mm, true_mm),
    )


def _in_space(outcomes: Sequence[Outcome]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predicted and true root-relative joints (N, 17, 3) of the people who have both."""
    both = [
        (outcome.pose.joints_3d_mm, outcome.sample.joints_3d_cam_mm)
        for outcome in outcomes
        if outcome.pose is not None and outcome.sample.joints_3d_cam_mm is not None
    ]
    predicted, true = np.array(both, dtype=np.float64).reshape(-1, 2, H36M17.num_joints, 3).swapaxes(0, 1)
    return predicted, root_relative(true, root=H36M17.root)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _table(corner: str, groups: dict[str, Scores], rows: list[tuple[str, list[str]]]) -> str:
    """A Markdown table; rows that could not be measured in any group are left out."""
    lines = [[corner, *groups], ["---", *("---:" for _ in groups)]]
    lines += [[name, *cells] for name, cells in rows if set(cells) != {"–"}]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"


def _millimetres(length: float) -> str:
    return "–" if math.isnan(length) else f"{length:.1f} mm"
