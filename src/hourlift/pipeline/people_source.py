"""Where the boxes of people come from in ``hourlift predict``, and how many people it follows."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.formats.coco_boxes import BoxFile, load_boxes
from hourlift.media.sources import Source
from hourlift.predict.given import checked_boxes
from hourlift.predict.people.choose import FindBoxes, open_detector, shipped_finder
from hourlift.predict.people.crowd import Locate
from hourlift.predict.people.detector import Family

_log = logging.getLogger("hourlift")

SEARCH = Path("none")
"""Given as the detector: search with the hourglass, even if a finder ships with hourlift."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PeopleSource:
    """The source of people's boxes: a file of boxes, a detector, or, with neither, a search.

    Attributes:
        num_people: maximum number of people; None: one, or all whose boxes are known.
        box_file: boxes by frame or image.
        detector: the person detector.
    """

    num_people: int | None = None
    box_file: BoxFile | None = None
    detector: FindBoxes | None = None

    @classmethod
    def from_options(
        cls,
        people: int | None,
        has_box: bool,
        boxes: Path | None,
        detector: Path | None,
        family: Family | None,
        min_score: float,
        *,
        threads: int,
        device: str,
    ) -> Self:
        """Read the files named on the command line.

        Raises:
            ValueError: options contradict each other, or a file is invalid.
            OSError: a file cannot be read.
        """
        if sum((has_box, boxes is not None, detector is not None)) > 1:
            raise UserError("--box, --boxes and --detector all give the people's boxes; give one of them")
        if people is not None and people < 1:
            raise UserError(f"--people must be at least 1, got {people}")
        if not 0 <= min_score <= 1:
            raise UserError(f"--min-score must be from 0 to 1, got {min_score}")
        if family is not None and detector in (None, SEARCH):
            raise UserError("--detector-family needs a --detector")
        find: FindBoxes | None = None
        if detector is not None and detector != SEARCH:
            find = open_detector(detector, family, min_score=min_score, threads=threads, device=device)
        elif detector is None and boxes is None and not has_box:
            find = shipped_finder(min_score=min_score, threads=threads, device=device)
        return cls(num_people=people, box_file=None if boxes is None else load_boxes(boxes, min_score), detector=find)

    def check(self, sources: Sequence[Source]) -> None:
        """Check, before any work, that a file of boxes fits the sources.

        Raises:
            ValueError: it does not.
        """
        if self.box_file is None or not sources:
            return
        if all(source.kind == "photo" for source in sources):
            self.box_file.check_images(Path(source.label).name for source in sources)
        elif len(sources) > 1 or sources[0].kind == "webcam":
            raise UserError("--boxes belongs to one video, or to photos; name no other sources")
        else:
            self.box_file.check_frames()

    def check_video(self, num_frames: int | None, image_wh: tuple[int, int]) -> None:
        """Check, before the work, that a file of boxes fits a video.

        Args:
            num_frames: number of frames by the video's header; None if unknown.
            image_wh: size of the frames.

        Raises:
            ValueError: it does not.
        """
        if self.box_file is not None:
            self.box_file.check_frames(num_frames)
            is_said = False
            for image_id, boxes in self.box_file.boxes_xyxy.items():
                try:
                    checked_boxes(boxes, image_wh)
                except ValueError as error:
                    raise UserError(f"{self.box_file.path}: image_id {image_id}: {error}") from None
                is_said = is_said or self.box_file.say_beyond(image_id, boxes, image_wh)

    def check_end(self, num_frames: int) -> None:
        """Warn at a video's end if a file of boxes names frames that it does not have."""
        if self.box_file is not None:
            try:
                self.box_file.check_frames(num_frames)
            except ValueError as error:  # the results are valid all the same
                _log.warning("%s", error)

    def in_photo(self, name: str, image_rgb: Image) -> NDArray[np.float64] | None:
        """(N, 4) boxes in a photo by its file's name; None if unknown."""
        if self.box_file is not None:
            boxes = self.box_file.of_image(name)[: self.num_people]
            self.box_file.say_beyond(name, boxes, (image_rgb.shape[1], image_rgb.shape[0]))
            return boxes
        return None if self.detector is None else self.detector(image_rgb)[: self.num_people]

    def in_video(self) -> Locate | None:
        """The function that returns the boxes of each frame; None if there is none."""
        if self.box_file is not None:
            box_file = self.box_file
            return lambda index, _image_rgb: box_file.of_frame(index)
        if self.detector is not None:
            detector = self.detector
            return lambda _index, image_rgb: detector(image_rgb)
        return None
