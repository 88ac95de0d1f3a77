"""What validation says about the finder."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hourlift.finder.decode import decode
from hourlift.formats.coco_boxes import MIN_SCORE
from hourlift.metrics.boxes import average_precision, match
from hourlift.training.finder.labelled import Labelled, cells

_FAINT = 0.05  # least score of a box in the average precision


def measure(
    scores: Sequence[NDArray[np.floating]],
    sides: Sequence[NDArray[np.floating]],
    images: Sequence[Labelled],
    part: slice,
) -> dict[str, float]:
    """Measure found boxes against people.

    Args:
        scores: (h, w) of each image.
        sides: (4, h, w) of each image.
        images: The images.
        part: Which of them to measure.

    Returns:
        Average precision; at the default score recall, precision, and the number of boxes in an image without people.
        A box whose middle does not count (`Labelled.counted`) is neither right nor wrong.
    """
    all_scores, all_matches, num_people = [], [], 0
    num_found = num_boxes = in_empty = num_empty = 0
    for score, side, image in zip(scores[part], sides[part], images[part], strict=True):
        found = decode(score, side, _FAINT)
        matches = match(found.boxes, image.boxes)
        middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        spots = (cells(np.concatenate([middle, middle])) for middle in middles)
        known = np.array([bool(image.counted[rows, columns].all()) for rows, columns in spots], bool)
        judged = (matches >= 0) | known
        all_scores.append(found.scores[judged])
        all_matches.append(matches[judged])
        num_people += len(image.boxes)
        sure = found.scores[judged] >= MIN_SCORE
        num_boxes += int(sure.sum())
        num_found += int((matches[judged][sure] >= 0).sum())
        if not len(image.boxes) and image.counted.all():
            num_empty += 1
            in_empty += int(sure.sum())
    return {
        "ap": average_precision(all_scores, all_matches, num_people),
        "recall": num_found / max(num_people, 1),
        "precision": num_found / max(num_boxes, 1),
        "in_empty": in_empty / max(num_empty, 1),
    }
