"""Where an image of a video comes from: who does what before which camera. Written into a sample's id, read from it.

    S9_WalkDog_1.54138969_000042      subject, action, take, camera, number of the frame
    S9_WalkDog.54138969_000042        the take that Human3.6M does not number

This is how Human3.6M's frames are called in mmpose's image files, but for two actions that S1 calls otherwise. An id
survives every format, so a `Sample` needs no field for it: `Sample.frame_id` reads it.
"""

import re
from dataclasses import dataclass
from typing import Self

from hourlift.errors import UserError

_ID = re.compile(r"(S\d+)_([A-Za-z]+)(?:_(\d+))?\.([A-Za-z0-9]+)_(\d+)")


@dataclass(frozen=True, kw_only=True, order=True)
class FrameId:
    """Attributes of a frame; `str` makes the id.

    Attributes:
        subject: "S1", as Human3.6M calls people.
        action: "WalkDog": letters, without the number of the take.
        take: The number behind the action's name; 0 for none. Frames of one video share subject, action, take, camera.
        camera: "54138969": letters and digits.
        frame: Number of the frame in its video, from 1.

    Raises:
        ValueError: An id could not hold these.
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
        """Inverse of `str`; None for an id of another form."""
        match = _ID.fullmatch(sample_id)
        if match is None:
            return None
        subject, action, take, camera, frame = match.groups()
        return cls(subject=subject, action=action, take=int(take or 0), camera=camera, frame=int(frame))

    @property
    def video(self) -> tuple[str, str, int, str]:
        """What the frames of one video, and no others, have in common: subject, action, take, camera."""
        return self.subject, self.action, self.take, self.camera
