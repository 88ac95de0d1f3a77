"""Make a report in JSON and Markdown from scores: all people, by action, by subject, by joint.

Papers print one of two means without saying which. Here both have names: the frame mean weights all frames equally,
the action mean weights all actions equally.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from hourlift.errors import UserError
from hourlift.evaluation.pose_types import is_upright
from hourlift.evaluation.run import Outcome
from hourlift.evaluation.scores import PCK_THRESHOLD, Scores, score
from hourlift.evaluation.tables import millimetres, percent, table, without_nan
from hourlift.geometry.skeleton import H36M17

SCHEMA = 1

_MILLIMETRES = ("mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm", "mpjve_mm")
_NAMES = {"mpjpe_mm": "MPJPE", "n_mpjpe_mm": "N-MPJPE", "pa_mpjpe_mm": "PA-MPJPE", "mpjve_mm": "MPJVE, a frame"}


@dataclass(frozen=True, kw_only=True)
class Report:
    """Result of an evaluation.

    Attributes:
        title: Heading.
        settings: What was evaluated, and how.
        groups: All people, and those upright in the image. Every mean of "all" is the frame mean.
        actions: By action, if ids contain actions; sorted by name.
        subjects: By subject, in the same way.
        action_mean: Mean of the actions' scores with equal weights: pck, accuracy and the errors in mm.
        median_ms: Median wall-clock time of a prediction.
    """

    title: str
    settings: dict[str, Any]
    groups: dict[str, Scores]
    actions: dict[str, Scores] = field(default_factory=dict)
    subjects: dict[str, Scores] = field(default_factory=dict)
    action_mean: dict[str, float] = field(default_factory=dict)
    median_ms: float

    def to_json(self) -> str:
        """JSON, with `null` for values that could not be measured."""
        content = {"schema": SCHEMA, **asdict(self)}
        return json.dumps(without_nan(content), indent=2) + "\n"

    def to_markdown(self) -> str:
        """Tables: scores by group; actions with both means; subjects; every joint."""
        settings = ", ".join(f"{key}: {value}" for key, value in self.settings.items())
        text = f"# {self.title}\n\n{settings}. Median {self.median_ms:.1f} ms a prediction.\n\n"
        text += table("", self.groups, _group_rows(list(self.groups.values())))
        if self.actions:
            lines = [*self.actions.items(), ("frame mean", self.groups["all"])]
            rows = [(name, _line(vars(scores))) for name, scores in lines] + [("action mean", _line(self.action_mean))]
            text += "\n" + table("action", _columns(), rows)
        if self.subjects:
            rows = [(name, _line(vars(scores))) for name, scores in self.subjects.items()]
            text += "\n" + table("subject", _columns(), rows)
        return text + "\n" + _joint_table(self.groups)


def make_report(outcomes: Sequence[Outcome], title: str, settings: dict[str, Any]) -> Report:
    """Score outcomes: all people, people upright in the image, by action and by subject.

    Args:
        outcomes: at least one.
        title: the report's heading.
        settings: what was evaluated and how; printed in the report.

    Raises:
        ValueError: there are no outcomes.
    """
    if not outcomes:
        raise UserError("there are no people to evaluate")
    upright = is_upright(np.stack([outcome.sample.joints_2d_px for outcome in outcomes]))
    actions = _scores_by(outcomes, "action")
    return Report(
        title=title,
        settings=settings,
        groups={
            "all": score(outcomes),
            "upright": score([outcome for outcome, keep in zip(outcomes, upright, strict=True) if keep]),
        },
        actions=actions,
        subjects=_scores_by(outcomes, "subject"),
        action_mean=_mean_of(actions),
        median_ms=float(np.median([outcome.milliseconds for outcome in outcomes])),
    )


def _scores_by(outcomes: Sequence[Outcome], what: str) -> dict[str, Scores]:
    """Score the people of each action or subject. People whose id does not contain it are in no group."""
    parts: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if (source := outcome.sample.frame_id) is not None:
            parts.setdefault(getattr(source, what), []).append(outcome)
    return {name: score(parts[name]) for name in sorted(parts, key=_by_number)}


def _by_number(name: str) -> tuple[int, str]:
    """Sort key: S5 comes before S11."""
    return (int(name[1:]) if name[1:].isdigit() else 0, name)


def _mean_of(actions: Mapping[str, Scores]) -> dict[str, float]:
    """Mean over actions of values that could be measured for all of them; otherwise NaN."""
    if not actions:
        return {}
    names = ("pck", "accuracy", *_MILLIMETRES)
    return {name: float(np.mean([getattr(scores, name) for scores in actions.values()])) for name in names}


def _group_rows(groups: list[Scores]) -> list[tuple[str, list[str]]]:
    return [
        ("people (found)", [f"{s.people} ({s.found})" for s in groups]),
        (f"PCK@{PCK_THRESHOLD}, 12 limb joints", [percent(s.pck) for s in groups]),
        ("PCK on heatmap scale", [percent(s.accuracy) for s in groups]),
        ("PCKh@0.5", [percent(s.pckh) for s in groups]),
        ("left-right pairs swapped", [percent(s.swapped) for s in groups]),
        ("left-right pairs collapsed", [percent(s.collapsed) for s in groups]),
        *((_NAMES[name], [millimetres(getattr(s, name)) for s in groups]) for name in _MILLIMETRES),
    ]


def _columns() -> list[str]:
    return [f"PCK@{PCK_THRESHOLD}", *(_NAMES[name] for name in _MILLIMETRES)]


def _line(scores: Mapping[str, Any]) -> list[str]:
    return [percent(scores["pck"]), *(millimetres(scores[name]) for name in _MILLIMETRES)]


def _joint_table(groups: Mapping[str, Scores]) -> str:
    columns = [f"PCK@{PCK_THRESHOLD}, {name}" for name in groups] + [f"MPJPE, {name}" for name in groups]
    rows = [
        (
            joint,
            [percent(s.pck_per_joint[joint]) for s in groups.values()]
            + [millimetres(s.mpjpe_per_joint_mm[joint]) for s in groups.values()],
        )
        for joint in H36M17.joint_names
    ]
    measured = [i for i in range(len(columns)) if any(cells[i] != "–" for _, cells in rows)]
    kept = [(joint, [cells[i] for i in measured]) for joint, cells in rows]
    return table("joint", [columns[i] for i in measured], kept)
