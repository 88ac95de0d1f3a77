"""What is remembered of a video while it is lifted, and the page that is made of it at the end."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hourlift.formats.json import Header, PoseFile
from hourlift.geometry.world import World
from hourlift.media.video import Frames
from hourlift.pipeline.outputs import Results
from hourlift.pose import PoseFrame
from hourlift.pose_log import PoseLog

PAGE_MAX_FRAMES = 20_000
"""A page holds all its frames in memory, here and in the browser; of longer videos it shows every n-th."""
PAGE_MAX_MEDIA_BYTES = 200_000_000
"""Browsers give up on pages much larger than this; the page of a larger video shows the skeleton alone."""

_log = logging.getLogger("hourlift")


@dataclass(frozen=True, kw_only=True)
class LiftResult:
    """What came of a source.

    Attributes:
        num_frames: 1 of a photo.
        num_found: Frames with at least one person.
        num_people: Different people.
        best: The frame of the surest person.
        files: Written, in the order in which they were finished.
        world: Where the floor is, if that is known.
        failures: What could not be written and why, in words.
        incomplete: Why frames are missing; None when none are.
        poses: All of them, if they are kept.
    """

    num_frames: int
    num_found: int
    num_people: int
    best: PoseFrame
    files: list[Path]
    world: World | None = None
    failures: Sequence[str] = ()
    incomplete: str | None = None
    poses: PoseFile | None = None

    @property
    def frames(self) -> Sequence[PoseFrame]:
        """The poses, frame by frame.

        Raises:
            ValueError: They were not kept.
        """
        if self.poses is None:
            raise ValueError("the poses of this source were not kept")
        return self.poses.frames


class Summary:
    """What is remembered of a video's frames, in bounded memory.

    The page gets all frames, or every second, fourth, ... of a long video.
    """

    def __init__(self) -> None:
        self.num_frames = 0
        self.num_found = 0
        self.ids: set[int] = set()
        self.best: PoseFrame | None = None
        self.stride = 1
        self.for_page = PoseLog()

    def add(self, frame: PoseFrame) -> None:
        """Count the next frame."""
        if self.num_frames % self.stride == 0:
            self.for_page.append(frame)
        if len(self.for_page) > PAGE_MAX_FRAMES:
            self.for_page = self.for_page[::2]
            self.stride *= 2
        self.num_frames += 1
        self.num_found += bool(frame.people)
        self.ids.update(person.person_id for person in frame.people)
        if self.best is None or _score(frame) > _score(self.best):
            self.best = frame


def write_video_page(results: Results, summary: Summary, video: Frames, header: Header) -> None:
    """The 3D page of a video, with the film in it when there is one and it is not too large."""
    film: Path | None = results.path(".overlay.mp4")
    if film not in results.files:
        film = None
    elif film.stat().st_size > PAGE_MAX_MEDIA_BYTES:
        _log.warning("%s: the video is too large for the page, which shows the skeleton alone", header.source)
        film = None
    results.write_page(
        summary.for_page,
        image_wh=video.image_wh,
        fps=video.fps / summary.stride,
        media=film,
        title=header.source,
        world=header.world,
    )


def _score(frame: PoseFrame) -> float:
    """Confidence of the surest person; -1 when nobody is there."""
    return max((person.score for person in frame.people), default=-1.0)
