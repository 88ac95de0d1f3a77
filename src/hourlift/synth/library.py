"""Captured poses to draw from: mirrored, mixed and perturbed."""

from pathlib import Path

from torch import Tensor

from hourlift.synth.body import Body
from hourlift.synth.draw import Draw


class PoseLibrary:
    """Poses of motion capture, retargeted onto the body."""

    def __init__(self, rotations: Tensor) -> None:
        self.rotations = rotations

    @classmethod
    def load(cls, body: Body, source: Path) -> "PoseLibrary":
        """Reads a file (BVH, AMC with its ASF, npz) or all in a folder."""
        raise NotImplementedError

    def sample(self, draw: Draw) -> Tensor:
        """Draws poses: rotations (B, K, 3, 3) of the body's bones in world axes, on the CPU."""
        raise NotImplementedError
