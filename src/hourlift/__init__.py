"""hourlift: the 3D pose of people in photos and videos, in millimetres.

The public names are imported on first use, so that ``import hourlift`` is fast:

>>> from hourlift import PosePredictor
>>> people = PosePredictor().predict(image_rgb)  # doctest: +SKIP
"""

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hourlift.errors import UserError
    from hourlift.formats.files import read_poses, write_poses
    from hourlift.geometry.camera import Camera
    from hourlift.geometry.skeleton import H36M17
    from hourlift.geometry.world import World
    from hourlift.pipeline.api import lift, lift_many
    from hourlift.pose import Pose, PoseFrame, PoseSequence
    from hourlift.predict import PosePredictor

# Disable telemetry. Packages that send it read this variable when they are imported, which is later.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime, from 1.32 on
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

__version__ = "0.1.0"
__all__ = [
    "H36M17",
    "Camera",
    "Pose",
    "PoseFrame",
    "PosePredictor",
    "PoseSequence",
    "UserError",
    "World",
    "__version__",
    "lift",
    "lift_many",
    "read_poses",
    "write_poses",
]

_HOME = {
    "Camera": "hourlift.geometry.camera",
    "H36M17": "hourlift.geometry.skeleton",
    "Pose": "hourlift.pose",
    "PoseFrame": "hourlift.pose",
    "PosePredictor": "hourlift.predict",
    "PoseSequence": "hourlift.pose",
    "UserError": "hourlift.errors",
    "World": "hourlift.geometry.world",
    "lift": "hourlift.pipeline.api",
    "lift_many": "hourlift.pipeline.api",
    "read_poses": "hourlift.formats.files",
    "write_poses": "hourlift.formats.files",
}


def __getattr__(name: str) -> object:
    """Import a public name on first access (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'hourlift' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
