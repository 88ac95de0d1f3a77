"""The report's augmentation policies: which of five strategies change a training image, and how.

`frs` changes an image with some probability, by ONE strategy; `overlap` draws every strategy independently, so that one
image can have several. Where the report gives no probabilities and ranges, they are ours; they are fields of `Policy`.
Our `strong` (colour, grey, blur, noise, patches) is `training.recipes.STRONG`; JPEG is simulated by the generator's
sensor (`synth.sensor`), before any augmentation.

Shapes: B images (B, 3, S, S), J joints (B, J, 2) in pixels (centres at integers).
"""

import math
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from hourlift.geometry.crop import BOX_GROWTH, MIN_GROWTH
from hourlift.hourglass.warp import Draws, Warp

Strategy = Literal["flip", "rotation", "shift", "occlusion", "scale"]
STRATEGIES: tuple[Strategy, ...] = ("flip", "rotation", "shift", "occlusion", "scale")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Which strategies may change an image, and the range of each.

    Attributes:
        strategies: The possible strategies; without any, images are unchanged.
        choice: "one": with the probability, an image is changed by one strategy; all are equally likely.
            "each": every strategy is drawn independently with the probability.
        probability: Probability of a change.
        rotation_deg: Largest angle, in either direction; uniform.
        scale: Smallest and largest factor; log-uniform.
        patch: Smallest and largest side of an occluding patch, over the image's side.
    """

    strategies: tuple[Strategy, ...] = ()
    choice: Literal["one", "each"] = "one"
    probability: float = 0.5
    rotation_deg: float = 30.0
    scale: tuple[float, float] = (0.75, 1.25)
    patch: tuple[float, float] = (0.1, 0.4)


NONE = Policy()
FRS = Policy(strategies=("flip", "rotation", "shift"))
FRSO = Policy(strategies=("flip", "rotation", "shift", "occlusion"))
FRSOS = Policy(strategies=STRATEGIES)
FULL = FRSOS
"""The same; its recipe also trains on S8."""
OVERLAP = replace(FRSOS, choice="each")
FINAL = Policy(strategies=("flip", "rotation", "occlusion"))
"""The policy of the report's final model, without scaling and shifting."""


class Augmented(NamedTuple):
    """An augmented batch."""

    images: Tensor
    """(B, 3, S, S) float32 in [0, 1]; black outside the source."""
    joints_px: Tensor
    """(B, 17, 2), also outside the image; NaN stays NaN."""
    known: Tensor
    """(B, 17) bool: False for NaN, and for a joint that is in the image, but outside the source."""
    visible: Tensor
    """(B, 17) bool: False also for a joint under a patch or outside the image."""


def apply_policy(
    images: Tensor, joints_px: Tensor, visible: Tensor, policy: Policy, generator: torch.Generator
) -> Augmented:
    """Augment a batch by one affine warp per image and by patches.

    Args:
        images: (B, 3, S, S) uint8, crops with padding around the person.
        joints_px: (B, 17, 2), Human3.6M order; NaN where not annotated.
        visible: (B, 17) bool.
        policy: The policy.
        generator: On the CPU; the same state gives the same result.
    """
    draws = Draws(len(images), images.device, generator)
    applied = draw_strategies(policy, draws)
    warp = _draw_warp(policy, applied, joints_px, images.shape[-1], draws)
    changed = warp.sample(images, torch.zeros_like(applied["flip"]))
    joints, known = warp.move(joints_px)
    visible = torch.where(warp.mirrored[:, None], visible[:, warp.other_side(visible.shape[1])], visible)
    patch = _draw_patches(policy, applied["occlusion"], images.shape[-1], draws)
    shade = draws.chance(0.5).float()[:, None, None, None]  # white or black
    changed = torch.where(patch.pixels(images.shape[-1])[:, None], shade, changed)
    inside = ((joints > -0.5) & (joints < images.shape[-1] - 0.5)).all(-1)
    return Augmented(changed, joints, known, visible & inside & ~patch.covers(joints))


def draw_strategies(policy: Policy, draws: Draws) -> dict[Strategy, Tensor]:
    """Draw the strategies that change each image, (B,) bool for each strategy."""
    changed, chosen = draws.chance(policy.probability), draws.uniform(0, len(policy.strategies) or 1).floor()
    each = {name: draws.chance(policy.probability) for name in STRATEGIES}
    if policy.choice == "one":
        each = {name: changed & (chosen == i) for i, name in enumerate(policy.strategies)}
    return {name: each[name] if name in policy.strategies else torch.zeros_like(changed) for name in STRATEGIES}


def padding(joints_px: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Margin of the crop around the person: (B, 2) left and above, (B, 2) right and below, at least 0.

    The person is the box around the known joints, grown as in `geometry.crop.box_from_joints`. There
    is no margin around a person without a known joint.
    """
    known = joints_px.isfinite().all(-1, keepdim=True)
    low = torch.where(known, joints_px, math.inf).amin(1)
    high = torch.where(known, joints_px, -math.inf).amax(1)
    extent = high - low
    flesh = torch.maximum(BOX_GROWTH * extent, MIN_GROWTH * extent.amax(-1, keepdim=True))
    before, after = low - flesh + 0.5, size - 0.5 - (high + flesh)
    some = known.any(1)
    return torch.where(some, before, 0.0).clamp_min(0), torch.where(some, after, 0.0).clamp_min(0)


def _draw_warp(policy: Policy, applied: dict[Strategy, Tensor], joints_px: Tensor, size: int, draws: Draws) -> Warp:
    """Mirror, rotate and scale about the centre, then shift."""
    most = math.radians(policy.rotation_deg)
    angle = torch.where(applied["rotation"], draws.uniform(-most, most), 0.0)
    factor = draws.uniform(math.log(policy.scale[0]), math.log(policy.scale[1])).exp()
    step = 1 / torch.where(applied["scale"], factor, 1.0)  # source pixels per pixel of the result
    cos, sin = angle.cos() * step, angle.sin() * step
    sign = torch.where(applied["flip"], -1.0, 1.0)
    warp = Warp(
        linear=torch.stack([cos * sign, -sin, sin * sign, cos], -1).view(-1, 2, 2),
        middle=torch.full_like(joints_px[:, 0], (size - 1) / 2),
        mirrored=applied["flip"],
        source=size,
        size=size,
    )
    before, after = padding(warp.move(joints_px)[0], size)
    shift = draws.uniform(0, 1, 2) * (before + after) - before
    shift = torch.where(applied["shift"][:, None], shift, 0.0)
    return replace(warp, middle=warp.middle - (warp.linear @ shift[..., None])[..., 0])


class _Patches(NamedTuple):
    """A rectangle in each image, (B, 2) its corners in pixel edges; empty if there is none."""

    low: Tensor
    high: Tensor

    def covers(self, points_px: Tensor) -> Tensor:
        """Which of the points (B, N, 2) are covered, (B, N) bool."""
        return ((points_px + 0.5 >= self.low[:, None]) & (points_px + 0.5 < self.high[:, None])).all(-1)

    def pixels(self, size: int) -> Tensor:
        """The covered pixels, (B, S, S) bool."""
        along = torch.arange(size, device=self.low.device) + 0.5
        inside = (along >= self.low[..., None]) & (along < self.high[..., None])  # (B, 2, S), x and y
        return inside[:, 0, None, :] & inside[:, 1, :, None]


def _draw_patches(policy: Policy, applied: Tensor, size: int, draws: Draws) -> _Patches:
    """Random rectangles, anywhere in the image."""
    sides = (draws.uniform(*policy.patch, 2) * size).round() * applied[:, None]
    low = (draws.uniform(0, 1, 2) * (size - sides)).round()
    return _Patches(low, low + sides)
