"""The generator: combines person, pose, camera, clothes, light and background into a batch of labelled images."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from hourlift.errors import UserError
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17
from hourlift.synth.body.parametric import Body, PosedBodies
from hourlift.synth.camera.sensor import SensorConfig, sense
from hourlift.synth.camera.views import ViewConfig, Views, sample_views
from hourlift.synth.clothes.dresser import Dresser
from hourlift.synth.clothes.garments import load_garments
from hourlift.synth.clothes.wardrobe import Outfit, sample_outfits
from hourlift.synth.core.batch import Batch
from hourlift.synth.core.draw import Draw
from hourlift.synth.pose.library import PoseLibrary
from hourlift.synth.pose.mix import PoseMix, sample_rotations
from hourlift.synth.render.compose import paste_people, smooth_edges, visibility
from hourlift.synth.render.cutouts import paste_cutouts
from hourlift.synth.render.harmony import follow, light_from_bright_side
from hourlift.synth.render.light import Light, sample_lights
from hourlift.synth.render.probes import Surroundings, behind, lit_by, load_probes, sample_surroundings
from hourlift.synth.render.shade import render_people
from hourlift.synth.scene.config import SceneConfig
from hourlift.synth.scene.images import image_bank
from hourlift.synth.scene.layout import PHOTO, Scene, sample_scenes
from hourlift.synth.scene.materials import Atlas, build_atlas

NOWHERE_PX = -1e4
"""Pixel coordinates of the joints of an omitted person."""
# Streams of random numbers, one for each part.
_SHAPES, _POSES, _VIEWS, _OUTFITS, _LIGHTS, _SCENES, _EMPTY, _BACKGROUNDS, _COMPOSITION, _SENSOR = range(10)
_SURROUNDINGS, _CUTOUTS = 10, 11
_GARMENTS = 0  # of the outfits' stream


@dataclass(frozen=True, kw_only=True)
class SynthConfig:
    """Configuration of the generator.

    Attributes:
        size: Side of the images, pixels.
        poses: Mix of poses.
        views: Cameras.
        scene: Rooms, furniture, occluders.
        sensor: Exposure, blur, noise, compression.
        photos: Folder of photographs for backgrounds, or several; None means procedural ones only.
        follows_photos: Whether people in front of a photograph get its brightness, colour cast, contrast and sharpness.
        probes: Folder of panoramas, used as light and background; None means drawn light only.
        probed_share: Share of images lit by a panorama.
        assets: Folder of MakeHuman's clothes, hair and skins; None means painted ones only. On the CPU only.
        dressed_share: Share of people wearing these garments.
        motion: File or folder of motion capture to draw poses from; None means the poses that come with the package.
        bank_seed: Seed of the procedural backgrounds.
        shadows: Whether people and objects cast shadows.
        empty_share: Share of images without the person: all joints are OUTSIDE, far from the image. They train the
            network to detect that no person is there.
    """

    size: int = 192
    poses: PoseMix = field(default_factory=PoseMix)
    views: ViewConfig = field(default_factory=ViewConfig)
    scene: SceneConfig = field(default_factory=SceneConfig)
    sensor: SensorConfig = field(default_factory=SensorConfig)
    photos: Path | tuple[Path, ...] | None = None
    follows_photos: bool = True
    probes: Path | None = None
    probed_share: float = 0.3
    assets: Path | None = None
    dressed_share: float = 0.8
    motion: Path | None = None
    bank_seed: int = 0
    shadows: bool = True
    empty_share: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SynthBatch(Batch):
    """B labelled images on one device.

    Attributes:
        images: (B, 3, S, S) uint8 RGB.
        joints_2d_px: (B, 17, 2), Human3.6M order, pixels of the image.
        joints_3d_cam_mm: (B, 17, 3), frame of the camera.
        visibility: (B, 17) int64: OUTSIDE the image, OCCLUDED by an object, SELF_OCCLUDED or VISIBLE.
        feet_2d_px: (B, 4, 2), foot points in the order of FOOT_POINTS; also the next two.
        feet_3d_cam_mm: (B, 4, 3).
        feet_visibility: (B, 4) int64.
        mask: (B, S, S) bool, pixels of the person that are not occluded.
        part: (B, S, S) uint8 index into parts.PARTS, 0 outside the mask.
        focal_px: (B,), focal length of the camera.
        centre_px: (B, 2), its principal point.
        height_mm: (B,), height from the soles to the crown, standing straight.
        kind: (B,), index into motion.KINDS.
    """

    images: Tensor
    joints_2d_px: Tensor
    joints_3d_cam_mm: Tensor
    visibility: Tensor
    feet_2d_px: Tensor
    feet_3d_cam_mm: Tensor
    feet_visibility: Tensor
    mask: Tensor
    part: Tensor
    focal_px: Tensor
    centre_px: Tensor
    height_mm: Tensor
    kind: Tensor

    def __len__(self) -> int:
        return len(self.images)


class Generator:
    """Renders batches on one device; holds the body and the bank of images."""

    def __init__(self, config: SynthConfig, device: torch.device | str = "cpu") -> None:
        self.config, self.device = config, torch.device(device)
        self.body = Body(device)
        self.bank = _bank(config.bank_seed, config.photos).to(device)
        self.atlas = _atlas(config.bank_seed, config.photos, str(self.device))
        self._probes = None if config.probes is None else load_probes(config.probes)
        self._dresser = None
        if config.assets is not None:
            if self.device.type != "cpu":
                raise UserError("people in garments can be rendered only on the CPU")
            self._dresser = Dresser(load_garments(config.assets, self.body), config.dressed_share)
        self.library = None if config.motion is None else _library(config.motion, str(self.device))

    @torch.no_grad()
    def render(self, seed: int | Sequence[int], count: int) -> SynthBatch:
        """Render people; the same seed and count give the same images.

        Args:
            seed: An integer, or several such as (run seed, chunk).
            count: Number of people, one per image.
        """
        draw, body = Draw(seed, count), self.body
        shapes, height_mm = body.sample_shapes(count, draw.stream(_SHAPES).generator)
        rotations, kind = sample_rotations(body, draw.stream(_POSES), self.config.poses, self.library)
        people = body.pose(shapes, rotations)
        cameras = sample_views(draw.stream(_VIEWS), people.joints, self.config.size, self.config.views)
        cameras = cameras.to(self.device)
        outfit = self.outfits(draw.stream(_OUTFITS), shapes).to(self.device)
        light = sample_lights(draw.stream(_LIGHTS))
        where = None
        if self._probes is not None:
            drawn = draw.stream(_SURROUNDINGS)
            where = sample_surroundings(drawn, len(self._probes), self.config.probed_share)
            light = lit_by(light, self._probes, where, drawn)
        return self.photograph(draw, people, height_mm, kind, outfit, cameras, light.to(self.device), where=where)

    def outfits(self, draw: Draw, shapes: Tensor) -> Outfit:
        """Outfits of people with shapes (B, C), on the CPU."""
        outfit = sample_outfits(draw, len(self.bank))
        if self._dresser is None:
            return outfit
        return self._dresser.dress(draw.stream(_GARMENTS), outfit, self.body.is_female(shapes).cpu())

    def stream(self, seed: int, count: int, *, first: int = 0) -> Iterator[SynthBatch]:
        """Yield batches for (seed, first), (seed, first + 1), ... endlessly, on the device of the generator."""
        for index in itertools.count(first):
            yield self.render((seed, index), count)

    @torch.no_grad()
    def photograph(
        self,
        draw: Draw,
        people: PosedBodies,
        height_mm: Tensor,
        kind: Tensor,
        outfit: Outfit,
        cameras: Views,
        light: Light,
        scene: Scene | None = None,
        where: Surroundings | None = None,
    ) -> SynthBatch:
        """Render given people; the scene and the sensor are drawn, everything else is given.

        If a scene is given, neither a scene nor bystanders are drawn: a clip has one place for all its frames. `where`
        are the panoramas behind people in front of an image.
        """
        config, body, joints = self.config, self.body, people.joints
        bystander_share = config.scene.bystander_share if scene is None else 0.0
        if scene is None:
            scene = sample_scenes(draw.stream(_SCENES), body, people, kind, cameras, self.atlas.count, config.scene)
        present = ~draw.stream(_EMPTY).chance(config.empty_share).to(self.device)
        images = self._backgrounds(draw.stream(_BACKGROUNDS))
        photographed = (scene.place == PHOTO) & (config.follows_photos and config.photos is not None)
        if where is not None and self._probes is not None:
            inside, seen = behind(self._probes, where, cameras.to("cpu"))
            images[inside.to(self.device)] = seen.to(self.device)
            photographed &= where.probe.to(self.device) < 0
        light = light_from_bright_side(light, images, cameras, photographed)
        layer = render_people(
            body, people, outfit, cameras, light, self.bank, config.shadows, scene, self.atlas, present,
            None if self._dresser is None else self._dresser.garments,
        )  # fmt: skip
        layer, _ = paste_people(
            draw.stream(_COMPOSITION), layer, cameras, joints, scene.floor_m, bystander_share
        )  # fmt: skip
        layer = replace(layer, colour=follow(layer.colour, layer.drawn, images, photographed))
        if config.scene.cutout_share:
            layer = paste_cutouts(draw.stream(_CUTOUTS), layer, self.bank, config.scene.cutout_share)
        images = images.mul_((1 - layer.shadow)[..., None])
        images.lerp_(layer.colour, layer.drawn.float()[..., None])  # by 0 or 1: faster than a masked selection
        images = smooth_edges(images, layer.surface, layer.depth)
        images = sense(draw.stream(_SENSOR), images.permute(0, 3, 1, 2).contiguous(), config.sensor)
        points_cam = cameras.to_camera(torch.cat([joints, people.feet], 1))
        points_px = torch.where(present[:, None, None], cameras.project(points_cam), NOWHERE_PX)
        joints_px, feet_px = points_px.split([H36M17.num_joints, len(FOOT_POINTS)], 1)
        joints_cam, feet_cam = points_cam.split([H36M17.num_joints, len(FOOT_POINTS)], 1)
        return SynthBatch(
            images=images.mul(255).round_().to(torch.uint8),
            joints_2d_px=joints_px,
            joints_3d_cam_mm=1000 * joints_cam,
            visibility=visibility(joints_px, joints_cam, layer),
            feet_2d_px=feet_px,
            feet_3d_cam_mm=1000 * feet_cam,
            feet_visibility=visibility(feet_px, feet_cam, layer),
            mask=layer.mask,
            part=torch.where(layer.mask, layer.part, 0),
            focal_px=cameras.focal,
            centre_px=cameras.centre,
            height_mm=height_mm,
            kind=kind,
        )

    def _backgrounds(self, draw: Draw) -> Tensor:
        """Random square parts (B, S, S, 3) of the bank's images, half of them mirrored, as floats in [0, 1].

        They are a view of (B, 3, S, S), as `Layer.colour` is.
        """
        size, side = self.config.size, self.bank.shape[1]
        part = draw.uniform(0.55, 1.0) * (side - 1)
        corner = draw.vector(2) * (side - 1 - part)[:, None]
        steps = torch.arange(size) / (size - 1)
        columns = corner[:, :1] + part[:, None] * torch.where(draw.chance(0.5)[:, None], steps, 1 - steps)
        rows, image = corner[:, 1:] + part[:, None] * steps, draw.integer(len(self.bank))
        # Whole numbers, as bank and rows together exceed what a float counts exactly.
        rows = (rows.round().long() + image[:, None] * side).to(self.device) * side
        place = (rows[:, :, None] + columns.round().long().to(self.device)[:, None]).mul_(3)
        gain = draw.log_uniform(0.55, 1.4)[:, None] * (1 + 0.12 * (2 * draw.vector(3) - 1)) / 255
        gain, flat = gain.to(self.device), self.bank.flatten()
        taken = torch.empty(len(place), 3, size, size, device=self.device)
        for channel in range(3):
            texels = flat[channel:].index_select(0, place.flatten()).view_as(place)
            torch.mul(texels, gain[:, channel, None, None], out=taken[:, channel])
        return taken.clamp_(max=1).permute(0, 2, 3, 1)


@lru_cache(maxsize=2)
def _bank(seed: int, photos: Path | tuple[Path, ...] | None) -> Tensor:
    return image_bank(seed, photos=photos)


@lru_cache(maxsize=2)
def _atlas(seed: int, photos: Path | tuple[Path, ...] | None, device: str) -> Atlas:
    return build_atlas(seed, _bank(seed, photos).to(device))


@lru_cache(maxsize=2)
def _library(source: Path, device: str) -> PoseLibrary:
    return PoseLibrary.load(Body(device), source)
