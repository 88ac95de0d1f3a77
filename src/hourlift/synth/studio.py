"""The studio: a synthetic Human3.6M. Seven people perform 15 actions in two takes each, recorded by four cameras.

Subjects, actions, cameras and ids are Human3.6M's (`data.protocol`, `data.frame_id`), so that its splits, protocols and
recipes work without changes. Each person wears the same clothes in all takes. The room, its light and the sensors of
the cameras never change: few people, many frames, as in a real laboratory.

The motion is not captured: it interpolates smoothly between poses that suit the action, one per second.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

import torch
from torch import Tensor

from hourlift.data.frame_id import FrameId
from hourlift.data.human36m.protocol import ACTIONS, CAMERA_SIZES_WH, FRAMES_PER_S, SUBJECTS
from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.synth.body.parametric import PosedBodies
from hourlift.synth.camera.views import Views, crop_views, studio_cameras
from hourlift.synth.clip import ease, glide
from hourlift.synth.clothes.wardrobe import Outfit
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import axis_angle
from hourlift.synth.generate import Generator, SynthConfig
from hourlift.synth.pose.arms import PRESETS as ARMS
from hourlift.synth.pose.arms import pose_arms
from hourlift.synth.pose.mix import KINDS, PoseMix, sample_rotations
from hourlift.synth.pose.stance import measure_stance
from hourlift.synth.render.light import Light, sample_lights
from hourlift.synth.samples import to_sample
from hourlift.synth.scene.layout import Scene, sample_scenes
from hourlift.synth.scene.props import SEAT, SEAT_DISCS

TAKES = (1, 2)
CAMERAS = tuple(CAMERA_SIZES_WH)
NUM_TAKES = len(SUBJECTS) * len(ACTIONS) * len(TAKES)
NUM_FILMS = NUM_TAKES * len(CAMERAS)
STEP = 10
"""Step in Human3.6M's frames (50 per second) from one image of a video to the next."""

_ADULT_MM = (1550.0, 1900.0)
_ROOM_LOW, _ROOM_HIGH = (-3.4, -6.2, 0.0), (3.4, 6.2, 3.1)  # metres; the cameras are inside
_WALK_M = (0.9, 1.3)  # distance from the middle for people who walk around
_PLACES_M = 0.5  # spread of the positions of other people
_SWAY_RAD, _STEP_ASIDE_M = 0.5, 0.1  # between consecutive poses
_FRAMES_AT_ONCE = 32
_BODIES, _OUTFIT, _LIGHT, _ROOM, _SENSOR, _TAKE = range(6)  # streams of random numbers
_KEYS, _ARMS, _PATH, _SEAT, _CROP = range(5)  # streams of a take


@dataclass(frozen=True, kw_only=True)
class Act:
    """An action.

    Attributes:
        kinds: Kinds of poses, of motion.KINDS with weights, in either take. A person who sits does so for the whole
            take.
        arms: Key of arms.PRESETS; None leaves the arms to the kind.
        roams: Whether people walk about the room, facing the direction of walking.
    """

    kinds: tuple[Mapping[str, float], Mapping[str, float]]
    arms: str | None = None
    roams: bool = False


_STAND: Mapping[str, float] = {"stand": 1.0}
_SIT: Mapping[str, float] = {"sit": 1.0}
_WALK: Mapping[str, float] = {"walk": 1.0}
ACTS: Mapping[str, Act] = MappingProxyType(
    {
        "Directions": Act(kinds=(_STAND, _STAND), arms="point"),
        "Discussion": Act(kinds=(_STAND, {"stand": 3, "walk": 1}), arms="talk"),
        "Eating": Act(kinds=(_SIT, _SIT), arms="eat"),
        "Greeting": Act(kinds=(_STAND, {"stand": 3, "bend": 1}), arms="greet"),
        "Phoning": Act(kinds=(_STAND, _SIT), arms="phone"),
        "Photo": Act(kinds=({"stand": 3, "crouch": 1}, {"stand": 2, "kneel": 1}), arms="photograph"),
        "Posing": Act(kinds=({"stand": 4, "crouch": 1}, {"stand": 3, "kneel": 1, "reach": 1})),
        "Purchases": Act(kinds=({"reach": 1, "bend": 1, "stand": 1}, {"crouch": 1, "bend": 1, "stand": 1})),
        "Sitting": Act(kinds=(_SIT, _SIT)),
        "SittingDown": Act(kinds=({"floor": 1}, {"floor": 2, "kneel": 1, "crouch": 1})),
        "Smoking": Act(kinds=(_STAND, _SIT), arms="smoke"),
        "Waiting": Act(kinds=(_STAND, {"stand": 3, "walk": 1}), arms="wait"),
        "WalkDog": Act(kinds=(_WALK, {"walk": 3, "bend": 1}), arms="lead", roams=True),
        "WalkTogether": Act(kinds=(_WALK, _WALK), roams=True),
        "Walking": Act(kinds=(_WALK, _WALK), roams=True),
    }
)


def num_images(frames: int) -> int:
    """Number of images of a studio whose videos have this number of frames."""
    return NUM_FILMS * frames


def render_studio(config: SynthConfig, seed: int, frames: int, count: int, *, first: int = 0) -> Iterator[Sample]:
    """Render images of the studio in order: subject, action, take, camera, frame.

    Args:
        config: `presets.studio`; its bank_seed is replaced by the seed.
        seed: seed of everything; the same seed and frames give the same images.
        frames: number of frames of each video.
        count: number of images.
        first: number of the first image. Takes that start or end within the range are rendered completely.

    Raises:
        ValueError: the studio has fewer images.
    """
    if not 0 <= first <= first + count <= num_images(frames):
        raise UserError(f"a studio of {frames} frames has {num_images(frames)} images, not {first + count}")
    studio = _studio(replace(config, bank_seed=seed), seed)
    per_take = len(CAMERAS) * frames
    for take in range(first // per_take, -(-(first + count) // per_take)):
        for place, sample in enumerate(studio.take(take, frames), start=take * per_take):
            if first <= place < first + count:
                yield sample


class Studio:
    """The room, its cameras and its people."""

    def __init__(self, generator: Generator, seed: int) -> None:
        self.generator, self.seed = generator, seed
        body = generator.body
        shapes, heights_mm = body.sample_shapes(64, Draw((seed, _BODIES), 64).generator)
        adults = ((heights_mm > _ADULT_MM[0]) & (heights_mm < _ADULT_MM[1])).nonzero()[: len(SUBJECTS), 0]
        self.shapes, self.heights_mm = shapes[adults], heights_mm[adults]
        self.light: Light = sample_lights(Draw((seed, _LIGHT), 1)).to(body.device)

    @torch.no_grad()
    def take(self, number: int, frames: int) -> Iterator[Sample]:
        """All frames of all cameras of a take, video by video; takes are numbered by subject, action and take."""
        who, action, take = _of_take(number)
        draw = Draw((self.seed, _TAKE, number), frames, alike=True)
        people, kind = self._act(draw, who, ACTS[action], take, frames)
        people, scene = self._placed(draw, people, kind)
        outfit = self.generator.outfits(Draw((self.seed, _OUTFIT, who), 1), people.shapes[:1])
        eyes, rotations = studio_cameras()
        for index, camera in enumerate(CAMERAS):
            views = crop_views(
                Draw((draw.seed, _CROP, index), frames, alike=True), people.joints.cpu(), eyes[index].expand(frames, 3),
                rotations[index].expand(frames, 3, 3), self.generator.config.size, self.generator.config.views,
            )  # fmt: skip
            video = self._film(index, people, who, kind, outfit, views, scene)
            for frame, sample in enumerate(video):
                source = FrameId(subject=SUBJECTS[who], action=action, take=take, camera=camera, frame=1 + frame * STEP)
                yield replace(sample, id=str(source), seed=None)

    def _film(
        self, camera: int, people: PosedBodies, who: int, kind: Tensor, outfit: Outfit, views: Views, scene: Scene
    ) -> Iterator[Sample]:
        device = self.generator.device
        outfit, views = outfit.to(device), views.to(device)
        for start in range(0, len(kind), _FRAMES_AT_ONCE):
            now = slice(start, start + _FRAMES_AT_ONCE)
            some = people.map(lambda value, now=now: value[now])  # type: ignore[misc]
            count = len(some.joints)
            batch = self.generator.photograph(
                Draw((self.seed, _SENSOR, camera), count, alike=True), some, self.heights_mm[who].expand(count),
                kind[now], outfit.expand(count), views.map(lambda value, now=now: value[now]),  # type: ignore[misc]
                self.light.expand(count), scene.expand(count),
            )  # fmt: skip
            for i in range(count):
                yield to_sample(batch, i, (0, 0))

    def _act(self, draw: Draw, who: int, act: Act, take: int, frames: int) -> tuple[PosedBodies, Tensor]:
        """One person doing an action, frame by frame, in the room but at any height; kind (T,) of their poses."""
        body, path = self.generator.body, Draw((draw.seed, _PATH), 1)
        step = FRAMES_PER_S // STEP
        kinds = act.kinds[take - 1]
        keys = Draw((draw.seed, _KEYS), -(-frames // step) + 1)
        rotations = sample_rotations(body, keys, PoseMix(**dict.fromkeys(vars(PoseMix()), 0.0) | dict(kinds)))[0].cpu()
        if act.arms is not None:
            preset, still = torch.full((keys.count,), list(ARMS).index(act.arms)), torch.zeros(keys.count, 2)
            pose_arms(body, keys.stream(_ARMS), rotations, preset, still, torch.zeros(keys.count, dtype=torch.bool))
        place, heading = _path(path, keys.count, act.roams, kinds is _SIT)
        root = body.bone["root"]
        now = torch.atan2(rotations[:, root, 1, 0], rotations[:, root, 0, 0])
        rotations[:, root] = axis_angle(torch.tensor([0.0, 0.0, 1.0]), heading - now) @ rotations[:, root]
        people = body.pose(self.shapes[who].expand(frames, -1), glide(rotations, step)[:frames].to(body.device))
        eased = ease(step, place).repeat(keys.count - 1)[:, None]
        where = torch.lerp(place[:-1].repeat_interleave(step, 0), place[1:].repeat_interleave(step, 0), eased)[:frames]
        move = torch.cat([where.to(people.joints) - people.joints[:, 0, :2], people.joints[:, 0, 2:] * 0], 1)[:, None]
        people = replace(people, vertices=people.vertices + move, joints=people.joints + move)
        return people, torch.full((frames,), KINDS.index("sit" if kinds is _SIT else "stand"))

    def _placed(self, draw: Draw, people: PosedBodies, kind: Tensor) -> tuple[PosedBodies, Scene]:
        """Place people on the floor z = 0, or on a seat that keeps the feet above the floor; also return the place."""
        body = self.generator.body
        stance = measure_stance(body, people, kind)
        sits = bool(stance.seated.any())
        highest = int((stance.seat_top - stance.lowest).argmax()) if sits else 0
        one = people.map(lambda value: value[highest : highest + 1])
        scene = self._scene(Draw((draw.seed, _SEAT), 1), one, kind[:1])
        height = stance.seat_top if sits else stance.lowest
        move = torch.zeros(len(kind), 1, 3)
        move[:, 0, 2] = height[highest] - height - scene.floor_m.cpu()
        move = move.to(people.joints)
        people = replace(people, vertices=people.vertices + move, joints=people.joints + move)
        props = replace(scene.props, centre=scene.props.centre + move[highest])
        return people, replace(scene, props=props, floor_m=torch.zeros_like(scene.floor_m))

    def _scene(self, draw: Draw, one: PosedBodies, kind: Tensor) -> Scene:
        """The room, the height of the floor under a person, and the seat; the room is otherwise empty."""
        generator = self.generator
        config = replace(generator.config.scene, place_share=1.0, outdoor_share=0.0, furnished_share=0.0)
        eyes, rotations = studio_cameras()
        above = Views(
            rotation=rotations[:1], eye=eyes[:1] + 5, focal=torch.ones(1), centre=torch.zeros(1, 2),
            size=generator.config.size,
        )  # fmt: skip
        scene, room = (
            sample_scenes(each, generator.body, one, kind, above, generator.atlas.count, config)
            for each in (draw, Draw((self.seed, _ROOM), 1))
        )
        shown = torch.zeros_like(scene.props.shown)
        for slots in (SEAT, SEAT_DISCS):
            shown[:, slots.start : slots.stop] = scene.props.shown[:, slots.start : slots.stop]
        low, high = torch.tensor([_ROOM_LOW, _ROOM_HIGH], device=scene.low.device)[:, None]
        return replace(
            room, floor_m=scene.floor_m, axes=torch.eye(3)[None].to(scene.axes), low=low, high=high,
            props=replace(scene.props, shown=shown),
        )  # fmt: skip


def _path(draw: Draw, count: int, roams: bool, still: bool) -> tuple[Tensor, Tensor]:
    """Positions (N, 2) of people, and their headings (N,), at each key; people who are `still` hardly turn."""
    if roams:
        ways = Draw((draw.seed, 0), count)
        place = torch.stack([ways.uniform(-s, s) for s in _WALK_M], -1)
        way = torch.diff(place, dim=0, append=2 * place[-1:] - place[-2:-1])
        return place, torch.atan2(way[:, 0], -way[:, 1])  # at rest people face -y
    steps = Draw((draw.seed, 1), count)
    share = 0.0 if still else 1.0
    place = _PLACES_M * torch.stack([draw.normal(), draw.normal()], -1)
    place = place + share * _STEP_ASIDE_M * torch.stack([steps.normal(), steps.normal()], -1)
    return place, draw.turn() + (0.2 if still else 1.0) * _SWAY_RAD * steps.normal().cumsum(0)


def _of_take(number: int) -> tuple[int, str, int]:
    """Index of the subject, action, and take of a take's number."""
    rest, take = divmod(number, len(TAKES))
    who, action = divmod(rest, len(ACTIONS))
    return who, ACTIONS[action], TAKES[take]


@lru_cache(maxsize=1)
def _studio(config: SynthConfig, seed: int) -> Studio:
    return Studio(Generator(config), seed)
