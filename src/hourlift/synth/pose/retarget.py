"""Retargeting: convert joint positions of recorded people to rotations of the body's bones.

Directions of limbs are matched exactly. The twist of a limb is taken from the plane in which its knee or elbow bends;
if it is straight, from its parent bone and the foot. Recorded skeletons differ in the positions of the pelvis, the
spine's joints and the shoulders, so those directions are taken relative to the clip's own upright frames. Shapes: T
frames, K bones. Axes as in body.py.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import normalize

from hourlift.data.mocap.motion import MotionClip
from hourlift.errors import UserError
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import RAD, align, axis_angle, between, from_vector, rotation_vector

SIDES = ((".L", "l_", 1.0), (".R", "r_", -1.0))
SPINE = ("root", "spine05", "spine04", "spine03", "spine02", "spine01")
LIMBS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")  # what a clip must have on both sides

_BALL = (0.01, -0.13, -0.06)  # rest, metres: from the head of the left foot bone to the ball of the foot
_CROWN = (0.0, -0.01, 0.16)  # from the head bone's head to the crown
_SPINE_SHARE = 0.3  # spine03 to spine02: where recordings put the joint of the lower spine (L3)
_UPRIGHT_Z = 0.94  # cosine of 20 degrees: a less inclined trunk defines upright in this clip
_FEW_UPRIGHT = 20.0  # frames: with fewer, the clip's own upright direction has little weight
_BENT, _STRAIGHT = 0.45, 0.1  # sines of flexion: above, only the bending plane gives the twist; below, it is ignored
_KNEE_BENT = 60 * RAD  # where the plane of thigh and shin is compared with the body's own knee
_FOOT_SHARE = 0.5  # weight of the foot in the twist of a straight leg
_MOST_FLEXION = 155 * RAD  # of a knee or an elbow
_LEVEL_REACH = 0.3  # a foot of unknown direction that points forward by less, as in kneeling, is not levelled
_COLLAR_LIMIT, _HEAD_LIMIT, _HAND_LIMIT = 35 * RAD, 75 * RAD, 80 * RAD


def landmarks(body: Body, rotations: Tensor, heads: Tensor | None = None) -> dict[str, Tensor]:
    """The body's bones as a clip's joints: positions (T, 3) by canonical name, metres, root at its rest place.

    Args:
        body: The body.
        rotations: (T, K, 3, 3), as `Body.forward_kinematics` takes them.
        heads: (T, K, 3) rest heads, by default the mean body's.
    """
    heads = body.bone_mean.to(rotations).expand(len(rotations), -1, -1) if heads is None else heads
    turn, offset = body.forward_kinematics(rotations, heads)
    at = torch.einsum("tkij,tkj->tki", turn, heads) + offset

    def bone(label: str) -> Tensor:
        return at[:, body.bone[label]]

    def beside(label: str, vector: Tensor) -> Tensor:
        return bone(label) + turn[:, body.bone[label]] @ vector

    places = {
        "pelvis": (bone("upperleg01.L") + bone("upperleg01.R")) / 2,
        "spine": torch.lerp(bone("spine03"), bone("spine02"), _SPINE_SHARE),
        "thorax": bone("spine01"),
        "neck": bone("neck01"),
        "head": bone("head"),
        "head_top": beside("head", rotations.new_tensor(_CROWN)),
    }
    for suffix, side, sign in SIDES:
        places |= {
            f"{side}hip": bone("upperleg01" + suffix),
            f"{side}knee": bone("lowerleg01" + suffix),
            f"{side}ankle": bone("foot" + suffix),
            f"{side}toe": beside("foot" + suffix, _foot(sign).to(rotations)),
            f"{side}shoulder": bone("upperarm01" + suffix),
            f"{side}elbow": bone("lowerarm01" + suffix),
            f"{side}wrist": bone("wrist" + suffix),
            f"{side}hand": bone("finger3-1" + suffix),
        }
    return places


def retarget_clip(body: Body, clip: MotionClip, *, calibrate: bool = True) -> Tensor:
    """Rotations (T, K, 3, 3) of the body's bones that take the pose of each frame of a clip, on the CPU.

    Raises:
        ValueError: the clip lacks a joint of the limbs in at least one frame.
    """
    places = {name: torch.from_numpy(at).float() for name in clip.joints if (at := clip.at(name)) is not None}
    lacking = [side + joint for _, side, _ in SIDES for joint in LIMBS if side + joint not in places]
    if lacking:
        raise UserError(f"{clip.name} lacks {', '.join(lacking)}: a person needs legs and arms")
    for name in (side + joint for _, side, _ in SIDES for joint in LIMBS):
        unknown = places[name].isnan().any(-1)
        if unknown.any():
            raise UserError(f"{clip.name}: {name} is NaN in frame {int(unknown.int().argmax())}")
    return retarget(body, places, calibrate=calibrate)


def retarget(body: Body, places: Mapping[str, Tensor], *, calibrate: bool = True) -> Tensor:
    """Rotations (T, K, 3, 3) of the body's bones that take given poses.

    Args:
        body: The body; its mean rest pose is turned.
        places: (T, 3) by canonical joint name, z up; the limbs' at least. NaN where a joint is not known.
        calibrate: Whether directions of spine, collar bones and head are taken relative to the upright frames, as
            needed for other skeletons. False for positions made by `landmarks`.
    """
    count = len(places["l_hip"])
    resting = torch.eye(3, device=body.device).expand(1, body.num_bones, 3, 3)
    rest = {name: at[0].cpu() for name, at in landmarks(body, resting).items()}
    pose = _Pose(places, rest, calibrate)
    turns: dict[str, Tensor] = {}
    _turn_trunk(pose, turns, dict(zip(body.labels, body.bone_mean.cpu(), strict=True)))
    _turn_head(pose, turns)
    for suffix, side, sign in SIDES:
        _turn_leg(pose, turns, suffix, side, sign)
        _turn_arm(pose, turns, suffix, side, sign)
    rotations = torch.eye(3).repeat(count, body.num_bones, 1, 1)
    world = torch.empty_like(rotations)
    for k, label in enumerate(body.labels):  # parents come before their children
        parent = body.parents[k]
        above = world[:, parent] if parent >= 0 else torch.eye(3)
        world[:, k] = turns.get(label, above)  # a bone without data follows its parent
        rotations[:, k] = above.mT @ world[:, k]
    return rotations


class _Pose:
    """Directions between joints, at rest and in each frame."""

    def __init__(self, places: Mapping[str, Tensor], rest: Mapping[str, Tensor], calibrate: bool) -> None:
        self.rest, self.calibrate = rest, calibrate
        self.places = dict(places)
        mid_hips = (places["l_hip"] + places["r_hip"]) / 2
        mid_shoulders = (places["l_shoulder"] + places["r_shoulder"]) / 2
        pelvis = self._place("pelvis", mid_hips)
        neck = self._place("neck", mid_shoulders)
        spine = self._place("spine", torch.lerp(pelvis, neck, 1 / 3))
        self._place("thorax", (spine + neck) / 2)
        self.upright = normalize(neck - pelvis, dim=-1)[:, 2] > _UPRIGHT_Z

    def _place(self, joint: str, otherwise: Tensor) -> Tensor:
        at = self.places.get(joint, otherwise)
        self.places[joint] = torch.where(at.isnan(), otherwise, at)
        return self.places[joint]

    def way(self, start: str, end: str) -> Tensor:
        """Unit vector (T, 3) from a joint to another; NaN where one is absent."""
        absent = torch.full_like(self.places["pelvis"], torch.nan)
        return normalize(self.places.get(end, absent) - self.places.get(start, absent), dim=-1)

    def rest_way(self, start: str, end: str) -> Tensor:
        """The same at rest, (3,)."""
        return normalize(self.rest[end] - self.rest[start], dim=-1)

    def relative(self, start: str, end: str, frame: Tensor, rest: Tensor) -> Tensor:
        """Direction (T, 3) from a joint to another in the axes of `frame` (T, 3, 3), as our skeleton would have it.

        Args:
            start: Joint.
            end: Joint.
            frame: Turns from the axes at rest.
            rest: (3,) the direction on our skeleton at rest, which the upright frames are taken to have on average.
        """
        seen = (frame.mT @ self.way(start, end)[..., None])[..., 0]
        known = self.upright & ~seen.isnan().any(-1)
        if not (self.calibrate and known.any()):
            return seen
        trust = known.sum() / (known.sum() + _FEW_UPRIGHT)
        usual = normalize(seen[known].median(0).values, dim=0)
        correction = from_vector(trust * rotation_vector(align(usual, rest)))
        return (correction @ seen[..., None])[..., 0]


def _turn_trunk(pose: _Pose, turns: dict[str, Tensor], heads: Mapping[str, Tensor]) -> None:
    """Pelvis and spine: the pelvis by the hips and the lower spine, the chest by the upper spine and the shoulders."""
    left, up = torch.eye(3)[0], pose.way("pelvis", "neck")
    hips, shoulders = pose.way("r_hip", "l_hip"), pose.way("r_shoulder", "l_shoulder")
    rest_low, rest_high = pose.rest_way("pelvis", "spine"), pose.rest_way("spine", "neck")
    trunk = _turned(up, hips + shoulders, pose.rest_way("pelvis", "neck"), left)
    low, high = pose.relative("pelvis", "spine", trunk, rest_low), pose.relative("spine", "neck", trunk, rest_high)
    # The hips' line is the pelvis' own, while the shoulders move on the chest.
    pelvis = _turned(hips, _apply(trunk, low), left, rest_low)
    chest = _turned(_apply(trunk, high), shoulders, rest_high, left)
    for bone, share in zip(SPINE, (0.0, 0.0, 0.25, 0.5, 0.75, 1.0), strict=True):
        turns[bone] = between(pelvis, chest, share)
    # The bend is spread otherwise than it was recorded: turn all of it, so that the trunk leans as it did.
    tail = [heads[bone] for bone in SPINE[1:]] + [heads["neck01"]]
    lean = turns["root"] @ (tail[0] - pose.rest["pelvis"])
    for bone, start, end in zip(SPINE[1:], tail[:-1], tail[1:], strict=True):
        lean = lean + turns[bone] @ (end - start)
    correction = align(lean, up)
    for bone in SPINE:
        turns[bone] = correction @ turns[bone]


def _turn_head(pose: _Pose, turns: dict[str, Tensor]) -> None:
    """Neck and head, from the most informative available joint; joints do not determine the direction of the face."""
    chest = turns["spine01"]
    bend, known = chest.new_zeros(len(chest), 3), torch.zeros(len(chest), dtype=torch.bool)
    for start, end, on_us in (
        ("head", "head_top", ("head", "head_top")),
        ("neck", "head_mid", ("neck", "head_top")),
        ("neck", "head", ("neck", "head")),
    ):
        rest = pose.rest_way(*on_us)
        seen = pose.relative(start, end, chest, rest)
        usable = ~seen.isnan().any(-1) & ~known
        found = rotation_vector(align(rest, torch.where(usable[:, None], seen, rest)))
        bend = torch.where(usable[:, None], found, bend)
        known |= usable
    bend = _limited(bend, _HEAD_LIMIT)
    for bone, share in (("neck01", 1 / 3), ("neck02", 2 / 3), ("head", 1.0)):
        turns[bone] = chest @ from_vector(share * bend)


def _turn_leg(pose: _Pose, turns: dict[str, Tensor], suffix: str, side: str, sign: float) -> None:
    """Thigh, shin and foot of one side; the knee's axis points to the person's left."""
    thigh, shin = pose.way(f"{side}hip", f"{side}knee"), pose.way(f"{side}knee", f"{side}ankle")
    rest_thigh, rest_shin = pose.rest_way(f"{side}hip", f"{side}knee"), pose.rest_way(f"{side}knee", f"{side}ankle")
    bent = axis_angle(torch.eye(3)[0], torch.tensor(_KNEE_BENT))  # legs are not quite at a right angle to the axis
    thigh_axis = normalize(torch.linalg.cross(rest_thigh, bent @ rest_shin), dim=0)
    shin_axis = bent.mT @ thigh_axis
    foot, rest_foot = pose.way(f"{side}ankle", f"{side}toe"), normalize(_foot(sign), dim=0)
    pelvis = turns["root"]
    carried = _apply(align(_apply(pelvis, rest_thigh), thigh), _apply(pelvis, thigh_axis))
    across = torch.linalg.cross(foot, shin).nan_to_num(0.0)  # points left, as the knee's axis does
    straight = normalize((1 - _FOOT_SHARE) * carried + _FOOT_SHARE * across, dim=-1)
    axis = _hinge(thigh, shin, straight)
    turns["upperleg01" + suffix] = _turned(thigh, axis, rest_thigh, thigh_axis)
    lower = _turned(shin, axis, rest_shin, shin_axis)
    turns["lowerleg01" + suffix] = lower
    ahead = _apply(lower, rest_foot)
    length = ahead[:, :2].norm(dim=-1, keepdim=True)
    flat = torch.cat([ahead[:, :2] * rest_foot[:2].norm() / length, rest_foot[2:].expand(len(ahead), 1)], 1)
    level = torch.where(length > _LEVEL_REACH, flat, ahead)
    foot = torch.where(foot.isnan().any(-1, keepdim=True), level, foot)
    turns["foot" + suffix] = _turned(foot, axis, rest_foot, shin_axis)


def _turn_arm(pose: _Pose, turns: dict[str, Tensor], suffix: str, side: str, sign: float) -> None:
    """Collar bone, upper arm, forearm and hand of one side."""
    chest = turns["spine01"]
    rest_collar = pose.rest_way("neck", f"{side}shoulder")
    collar = rotation_vector(align(rest_collar, pose.relative("neck", f"{side}shoulder", chest, rest_collar)))
    turns["clavicle" + suffix] = chest @ from_vector(_limited(collar, _COLLAR_LIMIT))
    upper, fore = pose.way(f"{side}shoulder", f"{side}elbow"), pose.way(f"{side}elbow", f"{side}wrist")
    rest_upper = pose.rest_way(f"{side}shoulder", f"{side}elbow")
    rest_fore = pose.rest_way(f"{side}elbow", f"{side}wrist")
    rest_axis = normalize(torch.linalg.cross(rest_upper, rest_fore), dim=0)
    carried = _apply(align(_apply(chest, rest_upper), upper), _apply(chest, rest_axis))
    axis = _hinge(upper, fore, carried)
    turns["upperarm01" + suffix] = _turned(upper, axis, rest_upper, rest_axis)
    lower = _turned(fore, axis, rest_fore, rest_axis)
    turns["lowerarm01" + suffix] = lower
    rest_hand = pose.rest_way(f"{side}wrist", f"{side}hand")
    hand = (lower.mT @ pose.way(f"{side}wrist", f"{side}hand")[..., None])[..., 0]
    hand = torch.where(hand.isnan(), rest_hand, hand)
    turns["wrist" + suffix] = lower @ from_vector(_limited(rotation_vector(align(rest_hand, hand)), _HAND_LIMIT))


def _hinge(first: Tensor, second: Tensor, straight: Tensor) -> Tensor:
    """Axis (T, 3) about which a knee or elbow bends the second direction (T, 3) off the first.

    A limb that is nearly straight has none: `straight` (T, 3) fades in.
    """
    cross = torch.linalg.cross(first, second)
    sine = cross.norm(dim=-1, keepdim=True)
    sine = torch.where((first * second).sum(-1, keepdim=True) < 0, 1.0, sine)
    share = ((sine - _STRAIGHT) / (_BENT - _STRAIGHT)).clamp(0, 1)
    share = share * share * (3 - 2 * share)
    straight = normalize(straight - (straight * first).sum(-1, keepdim=True) * first, dim=-1)
    return normalize(share * normalize(cross, dim=-1) + (1 - share) * straight, dim=-1)


def _turned(first: Tensor, second: Tensor, rest_first: Tensor, rest_second: Tensor) -> Tensor:
    """Turn (T, 3, 3) that takes a direction exactly onto another, and a second one as near as it can."""
    return _frame(first, second) @ _frame(rest_first, rest_second).mT


def _frame(first: Tensor, second: Tensor) -> Tensor:
    """Axes (..., 3, 3) in columns: the first direction, the second at a right angle to it, and both's normal."""
    first = normalize(first, dim=-1)
    normal = normalize(torch.linalg.cross(first, second), dim=-1)
    return torch.stack([first, torch.linalg.cross(normal, first), normal], -1)


def _apply(turn: Tensor, vector: Tensor) -> Tensor:
    """Turns (T, 3, 3) of vectors (T, 3) or (3,)."""
    return (turn @ vector[..., None])[..., 0]


def _limited(vector: Tensor, limit: float) -> Tensor:
    """Rotation vectors (T, 3) of at most `limit` radians."""
    return vector * (limit / vector.norm(dim=-1, keepdim=True).clamp(min=limit))


def _foot(sign: float) -> Tensor:
    """From the head of the foot bone to the ball of the foot at rest, (3,) metres; sign is 1 on the left."""
    return torch.tensor(_BALL) * torch.tensor([sign, 1.0, 1.0])


def mirrored(body: Body, rotations: Tensor) -> Tensor:
    """The same poses (T, K, 3, 3) with left and right exchanged."""
    other = {".L": ".R", ".R": ".L"}
    swapped = [body.bone[label[:-2] + other.get(label[-2:], label[-2:])] for label in body.labels]
    flip = rotations.new_tensor([-1.0, 1.0, 1.0])
    return rotations[:, swapped] * flip[:, None] * flip


def hold_hinges(body: Body, rotations: Tensor) -> Tensor:
    """Turns knees and elbows about their own axes only, and no further than straight.

    Args:
        body: The body.
        rotations: (T, K, 3, 3) on the CPU, changed.
    """
    heads = body.bone_mean.cpu()
    for upper, lower, end in (("upperleg01", "lowerleg01", "foot"), ("upperarm01", "lowerarm01", "wrist")):
        for suffix, _, _ in SIDES:
            start, hinge, tip = (heads[body.bone[bone + suffix]] for bone in (upper, lower, end))
            first, second = hinge - start, tip - hinge
            axis = torch.eye(3)[0] if upper == "upperleg01" else normalize(torch.linalg.cross(first, second), dim=0)
            rest_flexion = torch.atan2(torch.linalg.cross(first, second) @ axis, first @ second)
            angle = (rotation_vector(rotations[:, body.bone[lower + suffix]]) @ axis).clamp(
                -rest_flexion, _MOST_FLEXION - rest_flexion
            )
            rotations[:, body.bone[lower + suffix]] = from_vector(angle[:, None] * axis)
    return rotations


def fill_in(body: Body, rotations: Tensor, draw: Draw) -> Tensor:
    """Draw what recorded joints do not determine: twist of the forearm, curl of the fingers, direction of the face.

    Args:
        body: The body.
        rotations: (T, K, 3, 3) on the CPU, changed; T a multiple of the draw's count.
        draw: One value per pose, or one for all.
    """
    heads = body.bone_mean.cpu()
    look = (draw.normal(0, 20).clamp(-60, 60) * RAD / 3)[:, None] * torch.tensor([0.0, 0.0, 1.0])
    for bone in ("neck01", "neck02", "head"):
        rotations[:, body.bone[bone]] = rotations[:, body.bone[bone]] @ from_vector(look)
    for suffix, _, _ in SIDES:
        wrist, knuckle = body.bone["wrist" + suffix], body.bone["finger3-1" + suffix]
        fore = normalize(heads[wrist] - heads[body.bone["lowerarm01" + suffix]], dim=0)
        turn = from_vector((draw.normal(0, 35).clamp(-70, 70) * RAD)[:, None] * fore)
        rotations[:, wrist] = turn @ rotations[:, wrist]
        across = normalize(torch.linalg.cross(fore, torch.tensor([0.0, 1.0, 0.0])), dim=0)
        curl = from_vector((draw.uniform(0, 75) * RAD)[:, None] * across)
        rotations[:, knuckle] = rotations[:, body.bone["finger3-2" + suffix]] = curl
    return rotations
