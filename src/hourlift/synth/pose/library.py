"""Captured poses: drawn, mirrored, mixed and perturbed."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hourlift.data.mocap.motion import MotionClip, load_motion
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import RAD, between, from_vector
from hourlift.synth.pose.prior import without_heading
from hourlift.synth.pose.retarget import fill_in, mirrored, retarget_clip

MIXED_SHARE = 0.25  # of poses with the upper body of another pose
_LEAN = 35.0  # degrees: poses with a larger difference of the roots are not mixed
_UPPER = ("spine", "neck", "head", "clavicle", "upperarm", "lowerarm", "wrist", "finger")
_NOISE = {"upperleg": 5.0, "foot": 5.0, "spine": 2.0, "neck": 3.0, "clavicle": 3.0, "upperarm": 8.0, "wrist": 5.0}
_HINGE_NOISE = 0.08  # of the angle of a knee or elbow


class PoseLibrary:
    """Poses of motion capture, retargeted onto the body.

    Attributes:
        rotations: (T, K, 3, 3) of all clips, one after the other, on the CPU.
    """

    def __init__(self, body: Body, clips: Sequence[MotionClip]) -> None:
        self._body, self.clips = body, list(clips)
        self.rotations = torch.cat([retarget_clip(body, clip) for clip in clips])
        lengths = torch.tensor([len(clip) for clip in clips])
        self.starts = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
        self._lengths = lengths
        self._weights = clip_weights(clips).tolist()
        thigh, shin, foot = body.bone_mean[
            [body.bone[bone] for bone in ("upperleg01.L", "lowerleg01.L", "foot.L")]
        ].cpu()
        self._legs = float((shin - thigh).norm() + (foot - shin).norm())
        self._upper = upper_bones(body)[:, None, None]

    @classmethod
    def load(cls, body: Body, source: Path) -> "PoseLibrary":
        """Read a motion file (BVH, AMC with its ASF, npz), or all in a folder.

        Raises:
            ValueError: a file cannot be read, or has no person.
        """
        return cls(body, load_motion(Path(source)))

    def sample(self, draw: Draw) -> Tensor:
        """Draw poses: rotations (B, K, 3, 3) of the body's bones in world axes, on the CPU.

        The heading is removed, and none is drawn.
        """
        root = self._body.bone["root"]
        poses, others = self.frames(draw), self.frames(draw)
        for each in (poses, others):
            each[:, root] = without_heading(each[:, root])
        tilt = (poses[:, root].mT @ others[:, root]).diagonal(dim1=-2, dim2=-1).sum(-1)
        alike = tilt > 1 + 2 * np.cos(_LEAN * RAD)
        mix = (draw.chance(MIXED_SHARE) & alike)[:, None, None, None]
        poses = torch.where(mix & self._upper, others, poses)
        poses = fill_in(self._body, _perturbed(self._body, poses, draw), draw)
        return torch.where(draw.chance(0.5)[:, None, None, None], mirrored(self._body, poses), poses)

    def stretch(self, draw: Draw, num_frames: int, fps: float) -> tuple[Tensor, Tensor]:
        """A section of one clip at its own speed, played forwards and backwards if it is too short.

        Args:
            draw: Its first values choose the clip, the start, and whether it is mirrored.
            num_frames: Length T.
            fps: Requested frames per second; the clip's frames are interpolated.

        Returns:
            Rotations (T, K, 3, 3), and the path (T, 3) of the midpoint of the hips in metres, from x = y = 0, with z
            above the
                clip's floor. It is scaled to the mean body's legs, so that feet do not slide.
        """
        chosen = int(draw.choose(self._weights)[0])
        clip, first = self.clips[chosen], int(self.starts[chosen])
        last = len(clip) - 1
        step = clip.fps / fps
        begin = float(draw.uniform()[0]) * max(last - step * (num_frames - 1), 0.0)
        time = begin + step * torch.arange(num_frames)
        time = last - (time % max(2 * last, 1) - last).abs()  # to the end and back
        before = time.long().clamp(max=max(last - 1, 0))
        after, share = (before + 1).clamp(max=last), time - before
        rotations = between(self.rotations[first + before], self.rotations[first + after], share[:, None])
        pelvis = _pelvis(clip) * self._legs / _leg_length(clip)
        path = torch.lerp(pelvis[before], pelvis[after], share[:, None])
        path = path - path[:1] * torch.tensor([1.0, 1.0, 0.0])
        rotations = fill_in(self._body, rotations, Draw((draw.seed, 1), 1))
        if draw.chance(0.5)[0]:
            rotations, path = mirrored(self._body, rotations), path * torch.tensor([-1.0, 1.0, 1.0])
        return rotations, path

    def frames(self, draw: Draw) -> Tensor:
        """Draws frames as they were captured: rotations (B, K, 3, 3) on the CPU, heading included."""
        clip = draw.choose(self._weights)
        frame = self.starts[clip] + (draw.uniform() * self._lengths[clip]).long()
        return self.rotations[frame].clone()


def upper_bones(body: Body) -> Tensor:
    """(K,) bones above the pelvis; when poses are mixed, they are taken from the other pose."""
    return torch.tensor([label.startswith(_UPPER) for label in body.labels])


def clip_weights(clips: Sequence[MotionClip]) -> NDArray[np.float64]:
    """Probability of each clip: actions are weighted by the root of their frames, so that none dominates."""
    frames = Counter[str]()
    for clip in clips:
        frames[clip.action] += len(clip)
    weights = np.array([len(clip) / frames[clip.action] ** 0.5 for clip in clips])
    return np.asarray(weights / weights.sum())


def _pelvis(clip: MotionClip) -> Tensor:
    """Path (T, 3) of the middle between the hips."""
    left, right = clip.at("l_hip"), clip.at("r_hip")
    assert left is not None and right is not None
    return torch.from_numpy((left + right) / 2).float()


def _leg_length(clip: MotionClip) -> float:
    """Thigh and shin in metres."""
    hip, knee, ankle = clip.at("l_hip"), clip.at("l_knee"), clip.at("l_ankle")
    assert hip is not None and knee is not None and ankle is not None
    lengths = np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1)
    return float(np.nanmedian(lengths))


def _perturbed(body: Body, poses: Tensor, draw: Draw) -> Tensor:
    """Poses with small random turns; knees and elbows bend a little more or less, never the other way."""
    for k, label in enumerate(body.labels):
        spread = next((degrees for stem, degrees in _NOISE.items() if label.startswith(stem)), 0.0)
        if spread:
            noise = (torch.randn(draw.count, 3, generator=draw.generator) * spread * RAD / 3**0.5).clamp(-0.3, 0.3)
            poses[:, k] = poses[:, k] @ from_vector(noise)
        elif label.startswith(("lowerleg", "lowerarm")):
            share = 1 - draw.normal(0, _HINGE_NOISE).abs()
            poses[:, k] = between(torch.eye(3).expand(draw.count, 3, 3), poses[:, k], share)
    return poses
