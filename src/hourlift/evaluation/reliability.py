"""Reliability of a confidence: are 80 % of the joints with confidence 0.8 right?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.evaluation.tables import percent

NUM_BINS = 10
SAID = 0.8
"""`Reliability.about` covers joints with this confidence, within 0.05."""


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Joints in bins of equal width in confidence; empty bins are NaN.

    Attributes:
        edges: (bins + 1,) bin edges, from 0 to 1.
        counts: (bins,) number of joints.
        confidence: (bins,) mean confidence.
        right: (bins,) share of joints that are right.
        error: Expected calibration error: difference between confidence and share right, averaged over joints.
        ranking: Probability that a right joint has a higher confidence than a wrong one (the area under the ROC curve):
            1 for a perfect order, 0.5 for chance.
        joints_about: Number of joints with confidence of about `SAID`.
        about: Share of those that are right; NaN if there are none.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    confidence: tuple[float, ...]
    right: tuple[float, ...]
    error: float
    ranking: float
    joints_about: int
    about: float

    def __str__(self) -> str:
        return (
            f"off by {percent(self.error)} on average; of {self.joints_about} joints said to be about {SAID}, "
            f"{percent(self.about)} are right; right above wrong with probability {self.ranking:.3f}"
        )


def reliability(confidence: ArrayLike, right: ArrayLike, bins: int = NUM_BINS) -> Reliability:
    """Compare confidences with outcomes.

    Args:
        confidence: any shape, in [0, 1].
        right: the same shape, bool.
        bins: number of bins.
    """
    said, true = np.ravel(confidence).astype(np.float64), np.ravel(right).astype(np.float64)
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(said, edges) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    filled = np.where(counts > 0, counts, np.nan)
    mean_said = np.bincount(place, said, minlength=bins) / filled
    mean_true = np.bincount(place, true, minlength=bins) / filled
    error = np.nansum(counts * np.abs(mean_said - mean_true)) / len(said) if len(said) else np.nan
    near = np.abs(said - SAID) < 0.05
    return Reliability(
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        confidence=tuple(mean_said.tolist()),
        right=tuple(mean_true.tolist()),
        error=float(error),
        ranking=_ranking(said, true > 0),
        joints_about=int(near.sum()),
        about=float(true[near].mean()) if near.any() else float("nan"),
    )


def _ranking(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mann and Whitney's U over all pairs; ties count half."""
    positives, negatives = int(right.sum()), int((~right).sum())
    if not positives or not negatives:
        return float("nan")
    _, place, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # from 1; ties share the mean of their ranks
    return float((ranks[right].sum() - positives * (positives + 1) / 2) / (positives * negatives))
