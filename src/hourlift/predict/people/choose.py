"""Which detector finds people: a file that the user names, or the finder that ships with hourlift."""

from collections.abc import Callable
from pathlib import Path

from hourlift import weights
from hourlift.arrays import Array, Image
from hourlift.errors import UserError
from hourlift.formats.coco_boxes import MIN_SCORE
from hourlift.predict.models.contract import METADATA_KEY
from hourlift.predict.models.runtime import open_session
from hourlift.predict.people.detector import Detector, Family
from hourlift.predict.people.finder import Finder

FindBoxes = Callable[[Image], Array]
"""Image -> (N, 4) boxes xyxy of its people in pixels, the most confident first."""


def open_detector(
    path: str | Path,
    family: Family | None = None,
    *,
    min_score: float = MIN_SCORE,
    threads: int = 2,
    device: str = "cpu",
) -> FindBoxes:
    """Load a detector: a finder of hourlift, recognised by its metadata, or a detector of another project.

    Args:
        path: the .onnx file.
        family: as for `Detector`.
        min_score: boxes with a lower score are dropped.
        threads: CPU threads.
        device: "cpu" or "cuda".

    Raises:
        ValueError: the file is missing or no detector, or a family is given for a finder.
    """
    if not Path(path).is_file():
        raise UserError(f"{path} does not exist")
    session = open_session(Path(path), 1, "cpu", optimised=False)
    if METADATA_KEY not in session.get_modelmeta().custom_metadata_map:
        return Detector(path, family, min_score=min_score, threads=threads, device=device)
    if family is not None:
        raise UserError(f"{path} is a model of hourlift: --detector-family is for detectors of other projects")
    return Finder(path, min_score=min_score, threads=threads, device=device)


def shipped_finder(*, min_score: float = MIN_SCORE, threads: int = 2, device: str = "cpu") -> Finder | None:
    """Load the finder that ships with hourlift; None if none does, and images are searched with the hourglass."""
    if weights.FINDER not in weights.manifest():
        return None
    return Finder(weights.FINDER, min_score=min_score, threads=threads, device=device)
