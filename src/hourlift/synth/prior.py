"""A compact prior of poses, fitted to motion capture, that ships with hourlift."""

from torch import Tensor

from hourlift.synth.body import Body
from hourlift.synth.draw import Draw


def sample_prior(body: Body, draw: Draw) -> Tensor:
    """Draws poses: rotations (B, K, 3, 3) of the body's bones in world axes, on the CPU."""
    raise NotImplementedError
