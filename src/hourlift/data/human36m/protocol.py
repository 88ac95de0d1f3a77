"""Names of Human3.6M's subjects, actions and cameras, and the training and test splits.

Ionescu et al., PAMI 2014. "Protocol 1" and "2" mean different things in different papers, so splits are named after
their content.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from hourlift.errors import UserError

SUBJECTS = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")
"""The seven subjects whose joints are published."""

ACTIONS = (
    "Directions",
    "Discussion",
    "Eating",
    "Greeting",
    "Phoning",
    "Photo",
    "Posing",
    "Purchases",
    "Sitting",
    "SittingDown",
    "Smoking",
    "Waiting",
    "WalkDog",
    "WalkTogether",
    "Walking",
)
"""The 15 actions, each in two takes, by the names that most subjects' files have."""

CAMERA_SIZES_WH: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"54138969": (1000, 1002), "55011271": (1000, 1000), "58860488": (1000, 1000), "60457274": (1000, 1002)}
)
"""The four cameras, in the order of Human3.6M's metadata, and the width and height of their images."""

FRAMES_PER_S = 50

JOINTS_17_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""Index in Human3.6M's 32 joints of each H36M17 joint."""

CORRUPT_TAKE = ("S11", "Directions", 0)
"""A video of this take is damaged. The literature excludes the take, and so do the adapters."""

REPORT_TRAIN = ("S1", "S5", "S6", "S7")
REPORT_VALIDATE = ("S8",)
TRAIN = ("S1", "S5", "S6", "S7", "S8")
TEST = ("S9", "S11")

SPLITS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"train": TRAIN, "test": TEST, "report-train": REPORT_TRAIN, "report-validate": REPORT_VALIDATE, "all": SUBJECTS}
)
"""Subjects of every split. The report selects models on S8 and then trains on all five of `train`."""

_ALIASES = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}  # S1's files
_TAKE = re.compile(r"([A-Za-z]+)(?:[ _](\d+))?")


def parse_take(name: str) -> tuple[str, int] | None:
    """Parse action and take number from a file name: "TakingPhoto 1" -> ("Photo", 1), "Sitting" -> ("Sitting", 0).

    The whole word must match: "SittingDown 2" is not a take of "Sitting".

    Returns:
        None if the name is none of the 15 actions, such as "_ALL 1".
    """
    match = _TAKE.fullmatch(name)
    if match is None:
        return None
    action = _ALIASES.get(match[1], match[1])
    return (action, int(match[2] or 0)) if action in ACTIONS else None


def split_subjects(split: str) -> tuple[str, ...]:
    """Return the subjects of a split.

    Raises:
        ValueError: there is no such split.
    """
    if split not in SPLITS:
        raise UserError(f"there is no split {split!r}; the splits are {', '.join(SPLITS)}")
    return SPLITS[split]
