"""The generator: person + pose + camera + clothes + light + background -> a batch of labelled pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from hourlift.data.sample import OCCLUDED, OUTSIDE, SELF_OCCLUDED, VISIBLE
from hourlift.synth.batch import Batch
from hourlift.synth.body import Body, PosedBodies
from hourlift.synth.camera import ViewConfig, Views, sample_views
from hourlift.synth.draw import Draw
from hourlift.synth.motion import PoseMix, sample_rotations
from hourlift.synth.pictures import picture_bank
from hourlift.synth.scene import SceneConfig, render_backdrop, sample_scenes
from hourlift.synth.sensor import SensorConfig, sense
from hourlift.synth.shade import Layer, Light, render_people, sample_lights
from hourlift.synth.wardrobe import Outfit, sample_outfits

JOINT_DEPTH_MM = 140.0
"""A joint farther than this behind the surface that is seen before it is hidden by another part of the body."""
NOWHERE_PX = -1e4
"""Both pixel coordinates of the joints of a person who is left out."""
PASTED_SHARE = 0.3
"""Share of pictures with another person in the background, or in front of the person."""
# Streams of random numbers, one for each part.
_SHAPES, _POSES, _VIEWS, _OUTFITS, _LIGHTS, _SCENES, _EMPTY, _BACKGROUNDS, _COMPOSITION, _SENSOR = range(10)


@dataclass(frozen=True, kw_only=True)
class SynthConfig:
    """What is rendered.

    Attributes:
        size: Side of the pictures, pixels.
        poses: Mix of poses.
        views: Cameras.
        scene: Rooms, furniture, occluders.
        sensor: Exposure, blur, noise, compression.
        photos: Folder of pictures without people; None means procedural backgrounds only.
        bank_seed: Of the procedural backgrounds.
        shadows: Whether people cast a shadow on the floor.
        empty_share: Share of pictures whose person is left out: all joints are OUTSIDE, far from the picture. They
            teach a network to say that nobody is there.
    """

    size: int = 192
    poses: PoseMix = field(default_factory=PoseMix)
    views: ViewConfig = field(default_factory=ViewConfig)
    scene: SceneConfig = field(default_factory=SceneConfig)
    sensor: SensorConfig = field(default_factory=SensorConfig)
    photos: Path | None = None
    bank_seed: int = 0
    shadows: bool = True
    empty_share: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SynthBatch(Batch):
    """B labelled pictures on one device.

    Attributes:
        images: (B, 3, S, S) uint8 RGB.
        joints_2d_px: (B, 17, 2), Human3.6M order, pixels of the picture.
        joints_3d_cam_mm: (B, 17, 3), frame of the camera.
        visibility: (B, 17) int64: OUTSIDE the picture, OCCLUDED by something else, SELF_OCCLUDED or VISIBLE.
        mask: (B, S, S) bool, the person where nothing occludes it.
        focal_px: (B,), focal length of the camera.
        centre_px: (B, 2), its principal point.
        stature_mm: (B,), height at rest from the soles to the crown.
        kind: (B,), index into motion.KINDS.
    """

    images: Tensor
    joints_2d_px: Tensor
    joints_3d_cam_mm: Tensor
    visibility: Tensor
    mask: Tensor
    focal_px: Tensor
    centre_px: Tensor
    stature_mm: Tensor
    kind: Tensor

    def __len__(self) -> int:
        return len(self.images)


class Generator:
    """Renders batches on one device; holds the body and the bank of pictures."""

    def __init__(self, config: SynthConfig, device: torch.device | str = "cpu") -> None:
        self.config, self.device = config, torch.device(device)
        self.body = Body(device)
        self.bank = _bank(config.bank_seed, config.photos).to(device)

    @torch.no_grad()
    def render(
        self, seed: int | Sequence[int], count: int, *, poses: PoseMix | None = None, views: ViewConfig | None = None
    ) -> SynthBatch:
        """Renders people; the same seed and count give the same pictures.

        Args:
            seed: An integer, or several such as (run seed, chunk).
            count: People, one a picture.
            poses: Instead of the configured mix of poses (a curriculum moves it).
            views: Instead of the configured cameras.
        """
        draw, body = Draw(seed, count), self.body
        shapes, stature_mm = body.sample_shapes(count, draw.stream(_SHAPES).generator)
        rotations, kind = sample_rotations(body, draw.stream(_POSES), poses or self.config.poses)
        people = body.pose(shapes, rotations)
        cameras = sample_views(draw.stream(_VIEWS), people.joints, self.config.size, views or self.config.views)
        cameras = cameras.to(self.device)
        outfit = sample_outfits(draw.stream(_OUTFITS), len(self.bank)).to(self.device)
        light = sample_lights(draw.stream(_LIGHTS)).to(self.device)
        return self.photograph(draw, people, stature_mm, kind, outfit, cameras, light)

    @torch.no_grad()
    def photograph(
        self,
        draw: Draw,
        people: PosedBodies,
        stature_mm: Tensor,
        kind: Tensor,
        outfit: Outfit,
        cameras: Views,
        light: Light,
    ) -> SynthBatch:
        """Renders given people: the scene around them and what the sensor does are drawn, everything else is given."""
        config, body = self.config, self.body
        scene = sample_scenes(draw.stream(_SCENES), people, kind, cameras, len(self.bank), config.scene)
        layer = render_people(body, people, outfit, cameras, light, self.bank, config.shadows)
        present = ~draw.stream(_EMPTY).chance(config.empty_share).to(self.device)[:, None, None]
        layer = replace(layer, mask=layer.mask & present, shadow=layer.shadow & present)
        backdrop, _ = render_backdrop(scene, self._backgrounds(draw.stream(_BACKGROUNDS)))
        images, covered = _compose(draw.stream(_COMPOSITION), layer, backdrop, light.shadow)
        images = sense(draw.stream(_SENSOR), images.permute(0, 3, 1, 2).contiguous(), config.sensor)
        joints_cam = cameras.to_camera(people.joints)
        joints_px = torch.where(present, cameras.project(joints_cam), NOWHERE_PX)
        return SynthBatch(
            images=(images * 255).round().to(torch.uint8),
            joints_2d_px=joints_px,
            joints_3d_cam_mm=1000 * joints_cam,
            visibility=_visibility(joints_px, joints_cam, layer, covered),
            mask=layer.mask & ~covered,
            focal_px=cameras.focal,
            centre_px=cameras.centre,
            stature_mm=stature_mm,
            kind=kind,
        )

    def _backgrounds(self, draw: Draw) -> Tensor:
        """Random square parts (B, S, S, 3) of the bank's pictures, half of them mirrored, as floats in [0, 1]."""
        size, side = self.config.size, self.bank.shape[1]
        part = draw.uniform(0.35, 1.0) * (side - 1)
        corner = draw.vector(2) * (side - 1 - part)[:, None]
        steps = torch.arange(size) / (size - 1)
        columns = corner[:, :1] + part[:, None] * torch.where(draw.chance(0.5)[:, None], steps, 1 - steps)
        rows = corner[:, 1:] + part[:, None] * steps
        picture = draw.integer(len(self.bank)).to(self.device)
        rows, columns = rows.round().long().to(self.device), columns.round().long().to(self.device)
        taken = self.bank[picture[:, None, None], rows[:, :, None], columns[:, None, :]].float() / 255
        gain = draw.log_uniform(0.55, 1.5)[:, None] * (1 + 0.25 * (2 * draw.vector(3) - 1))
        return (taken * gain.to(self.device)[:, None, None]).clamp(0, 1)


@lru_cache(maxsize=2)
def _bank(seed: int, photos: Path | None) -> Tensor:
    return picture_bank(seed, photos=photos)


def _compose(draw: Draw, layer: Layer, background: Tensor, shadow: Tensor) -> tuple[Tensor, Tensor]:
    """Puts other people, the shadow, the person and occluders over the background.

    Args:
        draw: Of what is pasted where.
        layer: The people.
        background: (B, S, S, 3) in [0, 1].
        shadow: (B,) how dark shadows are, in [0, 1].

    Returns:
        Images (B, S, S, 3) in [0, 1], and the pixels (B, S, S) bool that an occluder covers.
    """
    picture = background
    pasted, pasted_mask = _paste(draw, layer)
    behind = draw.chance(0.6).to(picture.device)[:, None, None]
    picture = torch.where((pasted_mask & behind)[..., None], pasted, picture)
    picture = picture * (1 - shadow[:, None, None, None] * layer.shadow[..., None].float())
    picture = torch.where(layer.mask[..., None], layer.colour, picture)
    covered = pasted_mask & ~behind
    picture = torch.where(covered[..., None], pasted, picture)
    return picture, covered


def _paste(draw: Draw, layer: Layer) -> tuple[Tensor, Tensor]:
    """Other people of the batch, moved, scaled and turned: bystanders, or limbs before the person.

    Returns:
        Colour (B, S, S, 3) in [0, 1] and mask (B, S, S) bool.
    """
    count, size = draw.count, layer.mask.shape[1]
    scale, angle = draw.log_uniform(0.6, 1.8), draw.normal(0, 0.3)  # source pixels per pixel; radians
    towards, far = draw.turn(), draw.uniform(0.75, 1.35)  # in halves of the picture: mostly beside its middle
    shift = far[:, None] * torch.stack([towards.cos(), towards.sin() * 0.5], -1)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    affine = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], -1).view(-1, 2, 3).to(layer.mask.device)
    other = torch.cat([layer.colour, layer.mask[..., None].float()], -1).roll(1, 0).permute(0, 3, 1, 2)
    grid = torch.nn.functional.affine_grid(affine, [count, 4, size, size], align_corners=False)
    moved = torch.nn.functional.grid_sample(other, grid, mode="nearest", align_corners=False).permute(0, 2, 3, 1)
    chosen = draw.chance(PASTED_SHARE).to(layer.mask.device)[:, None, None]
    return moved[..., :3], (moved[..., 3] > 0.5) & chosen


def _visibility(joints_px: Tensor, joints_cam: Tensor, layer: Layer, covered: Tensor) -> Tensor:
    """State (B, 17) of joints in pixels and in metres in the camera's frame, under the pixels `covered` (B, S, S)."""
    size = layer.mask.shape[1]
    inside = ((joints_px > -0.5) & (joints_px < size - 0.5)).all(-1)
    column, row = joints_px.round().long().clamp(0, size - 1).unbind(-1)
    batch = torch.arange(len(joints_px), device=row.device)[:, None]
    behind = joints_cam[..., 2] - layer.depth[batch, row, column] > JOINT_DEPTH_MM / 1000
    state = torch.where(behind, SELF_OCCLUDED, VISIBLE)
    state = torch.where(covered[batch, row, column], OCCLUDED, state)
    return torch.where(inside, state, OUTSIDE)
