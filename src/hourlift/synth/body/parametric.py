"""The parametric body: from shape coefficients and bone rotations to posed vertices and the 17 joints.

Shapes: B people, V vertices, K moving bones, C shape components. World frame: z up, metres; at rest the person faces
-y and the person's left is +x.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body.accessories import with_accessories
from hourlift.synth.body.cache import load_body_arrays
from hourlift.synth.core.batch import Batch

# Positions of Human3.6M's 17 joints, fitted to the bone lengths of its published skeleton: on adults all ratios are
# within 3 % (checked by a test). Anny's knee is 2 cm above the fold of its skin, its hip 2 cm too low.
#
# Limb bones rotate about their joints, so that limb lengths are the same in all poses. Bone heads are anny's, moved by
# a share of the way to other heads of the same side or to their mirror image.
MIRROR = "mirror"
HEAD_SHIFTS = {
    "upperleg01": ((MIRROR, -0.07), ("lowerleg01", -0.055)),  # outwards and up
    "lowerleg01": (("foot", 0.045),),
    "foot": (("lowerleg01", -0.035),),
    "upperarm01": ((MIRROR, 0.118), ("lowerarm01", 0.03)),  # inwards and down
    "lowerarm01": (("upperarm01", 0.04),),
}
THORAX_FRACTION = 0.625  # spine01 to neck01
SPINE_FRACTION = 0.03  # spine02 to spine03, the next below
NOSE_FRACTION, HEAD_FRACTION = 0.15, 0.335  # neck to the tip of the nose; head bone to the crown

NOWHERE = -1.0
"""Position along a limb of a vertex that is not on one: see VertexTraits."""

_LIMB_JOINTS = {
    "hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot",
    "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist",
}  # fmt: skip
_SIMILAR = 40  # maximum distance, in the order of height, of the two people that a new one is mixed from
_AT_LEAST = 0.5  # of a vertex' weights on a limb, to count as part of it


@dataclass(frozen=True, kw_only=True)
class PosedBodies(Batch):
    """B posed people, metres, world frame.

    Vertices and normals are views of (B, 3, V): on a CPU, rows of coordinates are faster than rows of points.

    Attributes:
        vertices: (B, V, 3); so are normals.
        normals: (B, V, 3).
        joints: (B, 17, 3) in Human3.6M order.
        feet: (B, 4, 3) in the order of FOOT_POINTS.
        turns: (B, K, 3, 3) rotations of the bones from rest.
        shapes: (B, C) as given to `Body.pose`.
    """

    vertices: Tensor
    normals: Tensor
    joints: Tensor
    feet: Tensor
    turns: Tensor
    shapes: Tensor


@dataclass(frozen=True, kw_only=True)
class VertexTraits:
    """Attributes per vertex that determine where clothes end.

    Attributes:
        arm: (V,) position along the arm: 0 shoulder, 1 elbow, 2 wrist, NOWHERE if not on the arm.
        leg: (V,) position along the leg: 0 hip, 1 knee, 2 ankle, NOWHERE if not on the leg.
        head: (V,) skinning weight of the head.
        foot: (V,) skinning weight of the foot.
    """

    arm: Tensor
    leg: Tensor
    head: Tensor
    foot: Tensor


class Body:
    """The compact body on one device."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        arrays = with_accessories(load_body_arrays())

        def tensor(name: str) -> Tensor:
            return torch.as_tensor(arrays[name].astype(np.float32), device=device)

        self.device = torch.device(device)
        self.labels: list[str] = arrays["labels"].tolist()
        self.bone = {label: i for i, label in enumerate(self.labels)}
        self.parents: list[int] = arrays["parents"].tolist()
        self.mean, self.components = tensor("mean"), tensor("components")
        self.bone_mean = _move_heads(tensor("bone_mean"), self.bone)
        self.bone_components = _move_heads(tensor("bone_components"), self.bone)
        self.people, self.height_mm = tensor("people"), tensor("stature_mm")
        self.adult, self.male = tensor("adult") > 0, tensor("male") > 0
        self.weights = tensor("weights")
        self.faces = torch.as_tensor(arrays["faces"], device=device).contiguous()
        self.layer = torch.as_tensor(arrays["layer"].astype(np.int64), device=device)
        crown, nose, *self._feet = arrays["landmarks"].tolist()
        self._face = [nose, crown]
        self.uv, self.of_base = tensor("uv"), torch.as_tensor(arrays["of_base"].astype(np.int64), device=device)
        self.rest_normals = _vertex_normals(self.mean, self.faces.long())
        self._levels = _depth_levels(self.parents)

    @property
    def num_bones(self) -> int:
        """Number of moving bones, K."""
        return len(self.labels)

    def sample_shapes(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw people: coefficients (B, C) between two sampled people of similar height; height_mm (B,)."""
        first = torch.randint(len(self.people), (count,), generator=generator)
        near = torch.searchsorted(self._by_height[0], self.height_mm.cpu()[first])
        near = near + torch.randint(-_SIMILAR, _SIMILAR + 1, (count,), generator=generator)
        second = self._by_height[1][near.clamp(0, len(self.people) - 1)]
        mix = (0.5 * torch.rand(count, generator=generator)).to(self.device)
        first, second = first.to(self.device), second.to(self.device)
        shapes = torch.lerp(self.people[first], self.people[second], mix[:, None])
        return shapes, torch.lerp(self.height_mm[first], self.height_mm[second], mix)

    @cached_property
    def _by_height(self) -> tuple[Tensor, Tensor]:
        order = torch.argsort(self.height_mm.cpu())
        return self.height_mm.cpu()[order], order

    def is_female(self, shapes: Tensor) -> Tensor:
        """(B,) bool, whether people with coefficients `shapes` (B, C) resemble women more than men."""
        women, men = self.people[~self.male], self.people[self.male]
        middle, apart = (women.mean(0) + men.mean(0)) / 2, women.mean(0) - men.mean(0)
        return (shapes - middle) @ (apart / self.people.var(0)) > 0

    def bone_heads(self, shapes: Tensor) -> Tensor:
        """Rest heads (B, K, 3) of the bones of people with coefficients `shapes` (B, C), metres."""
        return self.bone_mean + torch.einsum("bc,ckd->bkd", shapes, self.bone_components)

    def forward_kinematics(self, rotations: Tensor, heads: Tensor) -> tuple[Tensor, Tensor]:
        """Accumulate bone rotations down the tree.

        Args:
            rotations: (B, K, 3, 3), each about its bone's head, in the axes of the world at rest.
            heads: (B, K, 3), rest heads in metres.

        Returns:
            Global rotation (B, K, 3, 3) and offset (B, K, 3): a rest point p of bone k moves to R_k p + t_k.
        """
        local = heads - torch.einsum("bkij,bkj->bki", rotations, heads)
        turn, offset = rotations.clone(), local.clone()
        for bones, parents in self._levels:
            parent = turn[:, parents]
            offset[:, bones] = torch.einsum("bkij,bkj->bki", parent, local[:, bones]) + offset[:, parents]
            turn[:, bones] = parent @ rotations[:, bones]
        return turn, offset

    def pose(self, shapes: Tensor, rotations: Tensor) -> PosedBodies:
        """Pose people by linear blend skinning.

        Args:
            shapes: (B, C), coefficients from `sample_shapes`.
            rotations: (B, K, 3, 3), as for `forward_kinematics`.
        """
        heads = self.bone_heads(shapes)
        turn, offset = self.forward_kinematics(rotations, heads)
        mean, components, rest_normals = self._rows
        rest = torch.addmm(mean.flatten(), shapes, components.flatten(1)).view(-1, *mean.shape)
        vertices, blend = _skin(self.weights, turn, offset, rest)
        # Skinned normals of the mean shape: exact for rigid parts, and a tenth of the cost of summing over faces.
        normals = blend[:, :, 0] * rest_normals[0]
        normals.addcmul_(blend[:, :, 1], rest_normals[1]).addcmul_(blend[:, :, 2], rest_normals[2])
        normals *= (normals * normals).sum(1, keepdim=True).clamp_(min=1e-12).rsqrt_()
        joints = self._joints(turn, offset, heads, vertices[..., self._face].mT)
        return PosedBodies(
            vertices=vertices.mT,
            normals=normals.mT,
            joints=joints,
            feet=vertices[..., self._feet].mT,
            turns=turn,
            shapes=shapes,
        )

    @cached_property
    def _rows(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean (3, V), its components (C, 3, V) and its normals (3, V)."""
        return self.mean.T.contiguous(), self.components.mT.contiguous(), self.rest_normals.T.contiguous()

    def joints(self, shapes: Tensor, rotations: Tensor) -> Tensor:
        """The joints (B, 17, 3) of `pose` without skinning the mesh, for the training of the lifter."""
        heads = self.bone_heads(shapes)
        turn, offset = self.forward_kinematics(rotations, heads)
        rest = self.mean[self._face] + torch.einsum("bc,cvd->bvd", shapes, self.components[:, self._face])
        face, _ = _skin(self.weights[self._face], turn, offset, rest.mT)
        return self._joints(turn, offset, heads, face.mT)

    def _joints(self, turn: Tensor, offset: Tensor, heads: Tensor, face: Tensor) -> Tensor:
        """The 17 joints (B, 17, 3) of posed bones; face (B, 2, 3) is the tip of the nose and the crown."""
        at = torch.einsum("bkij,bkj->bki", turn, heads) + offset

        def bone(label: str) -> Tensor:
            return at[:, self.bone[label]]

        pelvis = (bone("upperleg01.R") + bone("upperleg01.L")) / 2
        places = {
            "pelvis": pelvis,
            "spine": torch.lerp(bone("spine02"), bone("spine03"), SPINE_FRACTION),
            "thorax": torch.lerp(bone("spine01"), bone("neck01"), THORAX_FRACTION),
            "nose": torch.lerp(bone("neck02"), face[:, 0], NOSE_FRACTION),
            "head": torch.lerp(bone("head"), face[:, 1], HEAD_FRACTION),
        }
        for side, suffix in (("l", ".L"), ("r", ".R")):
            places |= {f"{side}_{joint}": bone(stem + suffix) for joint, stem in _LIMB_JOINTS.items()}
        return torch.stack([places[name] for name in H36M17.joint_names], 1)

    @cached_property
    def traits(self) -> VertexTraits:
        """Attributes per vertex that determine where clothes end."""
        return self.traits_of(self.mean, self.weights)

    def traits_of(self, points: Tensor, weights: Tensor) -> VertexTraits:
        """The same attributes for points (V, 3) of the mean body at rest with skinning weights (V, K)."""

        def weight(*stems: str) -> Tensor:
            return weights[:, [i for i, label in enumerate(self.labels) if label.startswith(stems)]].sum(1)

        arm = weight("upperarm", "lowerarm", "wrist", "finger")
        leg = weight("upperleg", "lowerleg", "foot")
        return VertexTraits(
            arm=torch.where(arm > _AT_LEAST, self._along(points, "upperarm01", "lowerarm01", "wrist"), NOWHERE),
            leg=torch.where(leg > _AT_LEAST, self._along(points, "upperleg01", "lowerleg01", "foot"), NOWHERE),
            head=weight("head", "neck02"),
            foot=weight("foot"),
        )

    def _along(self, points: Tensor, *stems: str) -> Tensor:
        """Position (V,) of points (V, 3) along the bones on their side: 0 at the first head, 1 at the second, ...

        It continues before the first head (shoulder cap: to -0.5) and beyond the last (hand, foot: to 0.6 more).
        """
        side = torch.where(points[:, 0] > 0, 1.0, -1.0)[:, None]
        mirrored = points * torch.cat([side, torch.ones_like(side), torch.ones_like(side)], 1)
        chain = self.bone_mean[[self.bone[f"{stem}.L"] for stem in stems]]
        place, nearest = torch.zeros_like(side[:, 0]), torch.full_like(side[:, 0], torch.inf)
        last = len(chain) - 2
        for k in range(last + 1):
            axis = chain[k + 1] - chain[k]
            share = (mirrored - chain[k]) @ axis / (axis @ axis)
            share = share.clamp(-0.5 if k == 0 else 0.0, 1.6 if k == last else 1.0)
            distance = (mirrored - chain[k] - share[:, None] * axis).norm(dim=1)
            place = torch.where(distance < nearest, k + share, place)
            nearest = torch.minimum(nearest, distance)
        return place


def _move_heads(heads: Tensor, bone: dict[str, int]) -> Tensor:
    """Rest heads (..., K, 3), or components of them, with limb heads moved to the joints."""
    moved = heads.clone()
    for stem, shifts in HEAD_SHIFTS.items():
        for side, other in ((".L", ".R"), (".R", ".L")):
            here = bone[stem + side]
            for towards, share in shifts:
                there = bone[stem + other if towards == MIRROR else towards + side]
                moved[..., here, :] += share * (heads[..., there, :] - heads[..., here, :])
    return moved


def _skin(weights: Tensor, turn: Tensor, offset: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    """Blend bone motions: points (B, 3, N) of rest points (B, 3, N) with weights (N, K); motions (B, 3, 4, N)."""
    motion = torch.cat([turn, offset[..., None]], 3).flatten(2).mT  # (B, 12, K)
    blend = torch.matmul(motion, weights.T).unflatten(1, (3, 4))
    points = torch.addcmul(blend[:, :, 3], blend[:, :, 0], rest[:, :1])
    points.addcmul_(blend[:, :, 1], rest[:, 1:2]).addcmul_(blend[:, :, 2], rest[:, 2:])
    return points, blend


def _vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    a, b, c = vertices[faces].unbind(1)
    face_normals = torch.linalg.cross(b - a, c - a)
    normals = torch.zeros_like(vertices).index_add_(0, faces.flatten(), face_normals.repeat_interleave(3, 0))
    return torch.nn.functional.normalize(normals, dim=-1)


def _depth_levels(parents: list[int]) -> list[tuple[list[int], list[int]]]:
    """Bones grouped by depth below the root, each group with its parents: a level is one batched product."""
    depth: list[int] = []
    for parent in parents:
        depth.append(0 if parent < 0 else depth[parent] + 1)
    bones = [[i for i, d in enumerate(depth) if d == level] for level in range(1, max(depth) + 1)]
    return [(level, [parents[i] for i in level]) for level in bones]
