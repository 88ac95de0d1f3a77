"""Batched random draws: one generator, one count, CPU tensors of shape (count,)."""

from collections.abc import Sequence

import torch
from torch import Tensor

# Knuth's linear congruential generator (MMIX).
_FACTOR, _SUMMAND = 6364136223846793005, 1442695040888963407
_UNLIKE = 1 << 20  # of Draw.unlike's stream, far from those of the generator's parts


class Draw:
    """Draws `count` values at a time from one seeded stream, so that a batch is reproducible from its seed.

    The order of the draws is part of a recipe: adding, removing or moving a draw changes all later draws of its stream.
    So each part of the generator has its own stream.

    With `alike`, all values of a draw are equal: the frames of a video share their scene.

    Attributes:
        count: Values per draw.
        seed: The stream's 63-bit seed, from which further streams are derived.
        generator: The stream.
    """

    def __init__(self, seed: int | Sequence[int], count: int, *, alike: bool = False) -> None:
        self.count = count
        self.generator = torch.Generator()
        self.seed = 0  # a sequence such as (run seed, chunk) becomes one number
        self._alike = alike
        for part in [seed] if isinstance(seed, int) else seed:
            self.seed = (self.seed * _FACTOR + part + _SUMMAND) % (1 << 63)
        self.generator.manual_seed(self.seed)

    def stream(self, index: int) -> "Draw":
        """A further stream for `count` values, so that the draws of one part do not affect another."""
        return Draw((self.seed, index), self.count, alike=self._alike)

    def unlike(self) -> "Draw":
        """A further stream with independent values, even if those of this one are alike: noise varies in a video."""
        return Draw((self.seed, _UNLIKE), self.count)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform in [low, high)."""
        return low + (high - low) * self._spread(torch.rand(self._drawn, generator=self.generator))

    def log_uniform(self, low: float, high: float) -> Tensor:
        """Uniform in the logarithm."""
        return torch.exp(self.uniform(torch.tensor(low).log().item(), torch.tensor(high).log().item()))

    def turn(self) -> Tensor:
        """Angle in radians, uniform over a full turn."""
        return self.uniform(0, 6.2832)

    def normal(self, mean: float = 0.0, spread: float = 1.0) -> Tensor:
        """Gaussian."""
        return mean + spread * self._spread(torch.randn(self._drawn, generator=self.generator))

    def chance(self, probability: float) -> Tensor:
        """True with the given probability."""
        return self._spread(torch.rand(self._drawn, generator=self.generator) < probability)

    def choose(self, weights: Sequence[float]) -> Tensor:
        """Index drawn with the given weights, int64."""
        return self._spread(torch.multinomial(torch.tensor(weights), self._drawn, True, generator=self.generator))

    def integer(self, high: int) -> Tensor:
        """Integer in [0, high)."""
        return self._spread(torch.randint(high, (self._drawn,), generator=self.generator))

    def vector(self, size: int) -> Tensor:
        """Uniform in [0, 1), (count, size)."""
        return self._spread(torch.rand(self._drawn, size, generator=self.generator))

    @property
    def _drawn(self) -> int:
        return 1 if self._alike else self.count

    def _spread(self, drawn: Tensor) -> Tensor:
        return drawn.expand(self.count, *drawn.shape[1:])
