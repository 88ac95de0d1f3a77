"""Error analysis of the hourglass: by pose, facing, size, visibility and confidence."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourlift.data.sample import VISIBILITY_NAMES
from hourlift.errors import UserError
from hourlift.evaluation import mistakes
from hourlift.evaluation.pose_types import pose_types
from hourlift.evaluation.reliability import Reliability, reliability
from hourlift.evaluation.run import Outcome
from hourlift.evaluation.scores import LIMB_PAIRS, crop_side
from hourlift.evaluation.tables import percent, table, without_nan
from hourlift.geometry.skeleton import H36M17, LIMB_JOINTS
from hourlift.metrics import pair_confusion, torso_length

SCHEMA = 1
TORSO_EDGES = (0.18, 0.24, 0.3, 0.38)
"""Bin edges of the torso's length (left shoulder to right hip) over the crop's side: size of the body in the crop."""
SIDE_EDGES_PX = (100.0, 150.0, 200.0, 300.0)
"""Bin edges of the crop's side in image pixels: how sharp the crop can be."""
LIMB_JOINT_EDGES = (5, 9, len(LIMB_JOINTS))
"""Bin edges of the number of annotated limb joints: fewer if the image's edge cuts the person off."""
CONFIDENCE_EDGES = (0.2, 0.4, 0.6, 0.8)
"""Bin edges of a person's mean confidence."""

_LIMBS = H36M17.indices(*LIMB_JOINTS)
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Scores of a group of people. Shares are in [0, 1]; NaN if there is nothing to measure.

    Attributes:
        people: Number of people.
        pck: PCK@0.2 of the 12 limb joints.
        either_side: PCK@0.2 that ignores left and right: a joint at its counterpart's position also counts as right.
        pairs: Number of left-right limb pairs that are clearly apart.
        swapped: Share of these pairs that are swapped.
        collapsed: Share of these pairs found on one limb.
    """

    people: int
    pck: float
    either_side: float
    pairs: int
    swapped: float
    collapsed: float


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Result of an analysis.

    Attributes:
        title: Heading.
        settings: What was analysed, and how.
        overall: Scores of all people.
        groups: Scores by aspect and group.
        mistakes: By joint, and by visibility if annotated, the share of each of `mistakes.KINDS`.
        reliability: Reliability of the confidence, over all joints with a known position.
    """

    title: str
    settings: dict[str, Any]
    overall: Group
    groups: dict[str, dict[str, Group]]
    mistakes: dict[str, dict[str, dict[str, float]]]
    reliability: Reliability

    def to_json(self) -> str:
        """JSON, with `null` for values that could not be measured."""
        return json.dumps(without_nan({"schema": SCHEMA, **asdict(self)}), indent=2) + "\n"

    def to_markdown(self) -> str:
        """One table per aspect, one of mistakes, one of confidence."""
        settings = ", ".join(f"{key}: {value}" for key, value in self.settings.items())
        text = f"# {self.title}\n\n{settings}.\n"
        columns = ["people", "PCK@0.2", "on either side", "swapped", "collapsed"]
        for aspect, groups in {"": {"all": self.overall}, **self.groups}.items():
            text += "\n" + table(aspect, columns, [(name, _cells(group)) for name, group in groups.items()])
        for what, rows in self.mistakes.items():
            cells = [(name, [percent(share) for share in row.values()]) for name, row in rows.items()]
            text += "\n" + table(what, mistakes.KINDS, cells)
        return text + "\n" + _reliability_table(self.reliability)


def analyse(outcomes: Sequence[Outcome], title: str, settings: dict[str, Any]) -> Analysis:
    """Find where predictions fail.

    Args:
        outcomes: results of `predict_samples`, at least one.
        title: heading.
        settings: what was analysed and how; printed in the report.

    Raises:
        ValueError: there are no outcomes.
    """
    if not outcomes:
        raise UserError("there are no people to analyse")
    people = _People(outcomes)
    groups = {
        aspect: {kind: people.group(mask) for kind, mask in kinds.items()} for aspect, kinds in people.aspects().items()
    }
    tables = {"joint": {name: mistakes.shares(people.kinds[:, i]) for i, name in enumerate(H36M17.joint_names)}}
    states = people.visibility()
    if (states >= 0).any():
        tables["visibility"] = {
            name: mistakes.shares(people.kinds[states == i]) for i, name in enumerate(VISIBILITY_NAMES)
        }
    known = people.kinds != mistakes.UNKNOWN
    return Analysis(
        title=title,
        settings=settings,
        overall=people.group(np.ones(len(outcomes), bool)),
        groups=groups,
        mistakes=tables,
        reliability=reliability(people.confidence[known], people.kinds[known] == mistakes.RIGHT),
    )


def limb_scores(outcome: Outcome) -> Group:
    """One person's scores."""
    return _People([outcome]).group(np.ones(1, bool))


class _People:
    """N outcomes as arrays."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes = outcomes
        self.true_px = np.array([outcome.sample.joints_2d_px for outcome in outcomes], np.float64)
        self.predicted_px = np.full_like(self.true_px, np.nan)
        self.confidence = np.zeros(self.true_px.shape[:2])
        for i, outcome in enumerate(outcomes):
            if outcome.pose is not None:
                self.predicted_px[i], self.confidence[i] = outcome.pose.joints_2d_px, outcome.pose.confidence
        self.torso_px = torso_length(self.true_px, H36M17)
        self.kinds = mistakes.classify(self.predicted_px, self.true_px, self.torso_px)

    def aspects(self) -> dict[str, Mapping[str, Mask]]:
        """Return which people belong to which group."""
        side_px = np.array([crop_side(outcome) for outcome in self.outcomes])
        return {
            **pose_types(self.true_px),
            "annotated limb joints": _bins(
                np.isfinite(self.true_px[:, _LIMBS]).all(-1).sum(-1).astype(float), LIMB_JOINT_EDGES, "{:.0f}"
            ),
            "torso over the crop's side": _bins(self.torso_px / side_px, TORSO_EDGES, "{:.2f}"),
            "crop's side in the image, px": _bins(side_px, SIDE_EDGES_PX, "{:.0f}"),
            "person's mean confidence": _bins(self.confidence.mean(1), CONFIDENCE_EDGES, "{:.1f}"),
        }

    def visibility(self) -> NDArray[np.int64]:
        """Return the (N, 17) visibility of joints; -1 if not annotated."""
        unknown = np.full(H36M17.num_joints, -1)
        states = [outcome.sample.visibility for outcome in self.outcomes]
        return np.array([unknown if state is None else state.astype(np.int64) for state in states])

    def group(self, chosen: Mask) -> Group:
        """Compute the scores of the people in a mask (N,)."""
        shares = mistakes.shares(self.kinds[chosen][:, _LIMBS])
        right, other = (shares[mistakes.KINDS[kind]] for kind in (mistakes.RIGHT, mistakes.OTHER_SIDE))
        confusion = pair_confusion(self.predicted_px[chosen], self.true_px[chosen], self.torso_px[chosen], LIMB_PAIRS)
        return Group(
            people=int(chosen.sum()),
            pck=right,
            either_side=right + other,
            pairs=int(confusion.count.sum()),
            swapped=confusion.swapped_share,
            collapsed=confusion.collapsed_share,
        )


def _bins(values: NDArray[np.float64], edges: Sequence[float], style: str) -> dict[str, Mask]:
    """Return which people are in which bin. A person whose value is unknown is in no bin."""
    names = [style.format(edge) for edge in edges]
    labels = [
        f"below {names[0]}",
        *(f"{a} to {b}" for a, b in zip(names, names[1:], strict=False)),
        f"{names[-1]} and more",
    ]
    place = np.where(np.isfinite(values), np.digitize(values, edges), -1)
    return {label: place == i for i, label in enumerate(labels)}


def _cells(group: Group) -> list[str]:
    if not group.people:
        return ["–"] * 5
    shares = (group.pck, group.either_side, group.swapped, group.collapsed)
    return [str(group.people), *map(percent, shares)]


def _reliability_table(measured: Reliability) -> str:
    rows = []
    for low, high, count, said, right in zip(
        measured.edges, measured.edges[1:], measured.counts, measured.confidence, measured.right, strict=False
    ):
        name = f"{low:.1f} to {high:.1f}"
        rows.append((name, [str(count), percent(said), percent(right)] if count else ["–"] * 3))
    text = table("confidence", ["joints", "said", "right"], rows)
    return f"{text}\nConfidence is {measured}.\n"
