"""A person to look at: standing, arms out, easy to check by hand."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import Pose, PoseFrame

CAMERA = Camera.from_fov((320, 240))

# Millimetres from the pelvis: x right, y down, z away. The person faces the camera: the subject's right is at -x.
_JOINTS_MM = {
    "pelvis": (0, 0, 0),
    "r_hip": (-130, 0, 0),
    "r_knee": (-140, 440, -20),
    "r_ankle": (-150, 880, 20),
    "l_hip": (130, 0, 0),
    "l_knee": (140, 440, -20),
    "l_ankle": (150, 880, 20),
    "spine": (0, -240, 0),
    "thorax": (0, -480, 10),
    "nose": (0, -590, -60),
    "head": (0, -710, 0),
    "l_shoulder": (170, -450, 10),
    "l_elbow": (430, -400, 20),
    "l_wrist": (670, -350, -30),
    "r_shoulder": (-170, -450, 10),
    "r_elbow": (-430, -400, 20),
    "r_wrist": (-670, -350, -30),
}


def _standing() -> NDArray[np.float64]:
    """(17, 3) root-relative joints in mm, camera axes."""
    return np.array([_JOINTS_MM[name] for name in H36M17.joint_names], dtype=np.float64)


def _person(
    joints_mm: NDArray[np.float64] | None = None,
    root_mm: tuple[float, float, float] = (0, 0, 4000),
    confidence: float = 0.9,
    person_id: int = 0,
) -> Pose:
    """A pose whose 2D joints are the 3D ones seen by `CAMERA`."""
    joints_mm = _standing() if joints_mm is None else joints_mm
    joints_px = CAMERA.project(joints_mm + np.array(root_mm))
    return Pose(
        joints_2d_px=joints_px,
        confidence=np.full(17, confidence),
        joints_3d_mm=joints_mm,
        root_cam_mm=np.array(root_mm),
        box_xyxy_px=np.concatenate([joints_px.min(axis=0), joints_px.max(axis=0)]),
        camera=CAMERA,
        person_id=person_id,
    )


def _waving(num_frames: int, fps: float = 10.0) -> list[PoseFrame]:
    """The person lowers and lifts the left arm."""
    frames = []
    for index in range(num_frames):
        joints = _standing()
        shoulder, elbow, wrist = H36M17.indices("l_shoulder", "l_elbow", "l_wrist")
        angle = 1.2 * np.sin(index / 3)
        joints[elbow] = joints[shoulder] + 260 * np.array([np.cos(angle), np.sin(angle), 0])
        joints[wrist] = joints[shoulder] + 500 * np.array([np.cos(angle), np.sin(angle), 0])
        frames.append(PoseFrame(index=index, time_s=index / fps, people=[_person(joints)]))
    return frames


@pytest.fixture
def person() -> Callable[..., Pose]:
    return _person


@pytest.fixture
def waving() -> Callable[..., list[PoseFrame]]:
    return _waving
