"""Origin of a video frame: subject, action, camera and frame number. Written to and read from a sample's id.

    S9_WalkDog_1.54138969_000042      subject, action, take, camera, number of the frame
    S9_WalkDog.54138969_000042        the take that Human3.6M does not number

Human3.6M's frames have these names in mmpose's image files, except for two actions that have other names for S1. An id
survives every format, so a `Sample` needs no extra field: `Sample.frame_id` parses it.
"""

import re
from dataclasses import dataclass
from typing import Self

from hourlift.errors import UserError

_ID = re.compile(r"(S\d+)_([A-Za-z]+)(?:_(\d+))?\.([A-Za-z0-9]+)_(\d+)")


@dataclass(frozen=True, kw_only=True, order=True)
class FrameId:
    """Attributes of a frame; `str` returns the id.

    Attributes:
        subject: Human3.6M's name of the subject, such as "S1".
        action: Letters without the number of the take, such as "WalkDog".
        take: Number after the action's name; 0 if none. Frames of one video share subject, action, take and camera.
        camera: Letters and digits, such as "54138969".
        frame: Number of the frame in its video, starting at 1.

    Raises:
        ValueError: The values cannot be stored in an id.
    """

    subject: str
    action: str
    take: int = 0
    camera: str
    frame: int

    def __post_init__(self) -> None:
        if _ID.fullmatch(str(self)) is None:
            raise UserError(
                f"{self!r}: a subject is called S and a number, an action by letters, a camera by letters and digits"
            )

    def __str__(self) -> str:
        take = f"_{self.take}" if self.take else ""
        return f"{self.subject}_{self.action}{take}.{self.camera}_{self.frame:06}"

    @classmethod
    def parse(cls, sample_id: str) -> Self | None:
        """Parse an id. Return None if it has another form."""
        match = _ID.fullmatch(sample_id)
        if match is None:
            return None
        subject, action, take, camera, frame = match.groups()
        return cls(subject=subject, action=action, take=int(take or 0), camera=camera, frame=int(frame))

    @property
    def video(self) -> tuple[str, str, int, str]:
        """Subject, action, take and camera: what all frames of one video share."""
        return self.subject, self.action, self.take, self.camera
