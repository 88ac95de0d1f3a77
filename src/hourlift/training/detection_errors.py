"""How wrong a 2D stage is, measured, so that a lifter can be trained against it on true joints."""

import numpy as np
from numpy.typing import ArrayLike

from hourlift.geometry.skeleton import H36M17
from hourlift.metrics.pck import pair_confusion, torso_length
from hourlift.training.lifter_stage import DetectionErrors

FAR = 0.3
"""A joint farther off than this share of the person's size is an outlier."""
_MOST_PEOPLE = 10, 90  # percentiles


def measure_errors(detected_px: ArrayLike, true_px: ArrayLike) -> DetectionErrors:
    """Measure what `DetectionErrors` describes.

    A joint that lies on its left or right counterpart counts as swapped or collapsed, and not as an outlier. The
    jitter's range holds four of five people.

    Args:
        detected_px: (N, 17, 2) as a hourglass found them; NaN is left out.
        true_px: (N, 17, 2) in the same pixels; NaN is left out.

    Raises:
        ValueError: nobody is known in both.
    """
    detected, true = np.asarray(detected_px, np.float64), np.asarray(true_px, np.float64)
    whole = np.isfinite(true).all((1, 2)) & np.isfinite(detected).all((1, 2))
    if not whole.any():
        raise ValueError("the errors of the 2D joints cannot be measured: nobody is known in both")
    detected, true = detected[whole], true[whole]
    size = np.linalg.norm(true - true[:, :1], axis=-1).mean(-1)[:, None]
    error = np.linalg.norm(detected - true, axis=-1) / size
    to_counterpart = np.linalg.norm(detected - true[:, H36M17.flip_permutation], axis=-1) / size
    confused = to_counterpart < error
    far = (error > FAR) & ~confused
    near = np.where(far | confused, np.nan, error)
    with np.errstate(invalid="ignore"):
        jitter = np.sqrt(np.nansum(near**2, -1) / np.maximum(np.isfinite(near).sum(-1), 1) / 2)
    low, high = np.maximum(np.percentile(jitter, _MOST_PEOPLE), 1e-6).tolist()
    confusion = pair_confusion(detected, true, torso_length(true, H36M17), H36M17.flip_pairs)
    return DetectionErrors(
        jitter=(low, high),
        outliers=(float(far.mean()), float(np.sqrt((error[far] ** 2).mean() / 2)) if far.any() else 0.0),
        swapped=float(np.nan_to_num(confusion.swapped_share)),
        collapsed=float(np.nan_to_num(confusion.collapsed_share)),
    )
