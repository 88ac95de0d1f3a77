"""A small Human3.6M, written in each of the layouts that it is published in, from one and the same motion."""

import pickle
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import cdflib
import cv2
import numpy as np
import pytest

from hourlift.data.human36m.cameras import WorldCamera
from hourlift.data.human36m.protocol import CAMERA_SIZES_WH, JOINTS_17_OF_32
from hourlift.geometry.camera import Camera
from hourlift.media.video_writer import VideoWriter

FRAMES = 6
SUBJECTS = ("S1", "S8", "S9")
TAKES = ("Directions", "TakingPhoto 1", "Sitting 1", "SittingDown 2")
ALL_SUBJECTS = tuple(f"S{i}" for i in range(1, 12))


@dataclass(frozen=True)
class TinyHuman36m:
    """The truth: cameras that stand around a room, and joints (FRAMES, 32, 3) mm in the world that move in it."""

    takes: tuple[str, ...] = TAKES

    def motion(self, subject: str, take: str) -> np.ndarray:
        rng = np.random.default_rng([int(subject[1:]), len(take), ord(take[0])])
        person = rng.uniform((-500, -500, 100), (500, 500, 1700), (32, 3))
        path = np.cumsum(rng.uniform(-300, 300, (FRAMES, 1, 3)) * (1, 1, 0.1), axis=0)
        return (person + path + rng.normal(0, 30, (FRAMES, 32, 3))).astype(np.float32)

    @cached_property
    def cameras(self) -> dict[tuple[str, str], WorldCamera]:
        rng = np.random.default_rng(0)
        cameras = {}
        for c, (name, image_wh) in enumerate(CAMERA_SIZES_WH.items()):
            camera = Camera(
                fx=1145.0 + c,
                fy=1143.5 + c,
                cx=512.5,
                cy=510.0 + c,
                image_wh=image_wh,
                distortion=(-0.2, 0.24, -0.001, -0.0014 + 0.001 * c, -0.003),
            )
            for subject in ALL_SUBJECTS:
                angle = np.pi / 4 + np.pi / 2 * c
                position = np.array([5000 * np.cos(angle), 5000 * np.sin(angle), 1600]) + rng.uniform(-200, 200, 3)
                z = np.array([0, 0, 900]) - position
                z /= np.linalg.norm(z)
                x = np.cross(z, (0, 0, 1))
                x /= np.linalg.norm(x)
                rotation = np.stack([x, np.cross(z, x), z])
                cameras[subject, name] = WorldCamera(camera=camera, rotation=rotation, position_mm=position)
        return cameras

    def in_camera(self, subject: str, take: str, camera: str) -> np.ndarray:
        """(FRAMES, 32, 3) mm."""
        return self.cameras[subject, camera].to_camera(self.motion(subject, take))

    def pixels(self, subject: str, take: str, camera: str) -> np.ndarray:
        """(FRAMES, 17, 2)."""
        joints = self.in_camera(subject, take, camera)[:, JOINTS_17_OF_32]
        return self.cameras[subject, camera].camera.project(joints)

    # The layouts

    def write_metadata(self, path: Path) -> None:
        values = np.zeros(300)
        for c, name in enumerate(CAMERA_SIZES_WH):
            for s, subject in enumerate(ALL_SUBJECTS):
                camera = self.cameras[subject, name]
                R = camera.rotation  # = Rx(a) Ry(b) Rz(c)
                angles = np.arctan2(-R[1, 2], R[2, 2]), np.arcsin(R[0, 2]), np.arctan2(-R[0, 1], R[0, 0])
                values[6 * (c * 11 + s) :][:6] = *angles, *camera.position_mm
            k = camera.camera
            k1, k2, p1, p2, k3 = k.distortion
            values[264 + 9 * c :][:9] = k.fx, k.fy, k.cx, k.cy, k1, k2, k3, p1, p2
        rows = "".join(
            f"<tr><td>{a}</td><td>1</td>{''.join(f'<td>{escape(t)}</td>' for _ in ALL_SUBJECTS)}</tr>"
            for a, t in enumerate(self.takes)
        )
        ids = "".join(f"<id>{name}</id>" for name in CAMERA_SIZES_WH)
        w0 = " ".join(f"{value:.17g}" for value in values)
        path.write_text(
            f"<metadata><mapping>{rows}</mapping><dbcameras><index2id>{ids}</index2id></dbcameras>"
            f"<w0>[{w0}]</w0></metadata>"
        )

    def write_official(
        self, folder: Path, kinds: tuple[str, ...] = ("D3_Positions", "D3_Positions_mono"), videos: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.write_metadata(folder / "metadata.xml")
        for subject in SUBJECTS:
            for kind in kinds:
                place = folder / subject / "MyPoseFeatures" / kind
                place.mkdir(parents=True)
                for take in self.takes:
                    if kind == "D3_Positions":
                        write_cdf(place / f"{take}.cdf", self.motion(subject, take))
                    else:
                        for camera in CAMERA_SIZES_WH:
                            write_cdf(place / f"{take}.{camera}.cdf", self.in_camera(subject, take, camera))
            if videos:
                (folder / subject / "Videos").mkdir()
                for take in self.takes:
                    for camera, image_wh in CAMERA_SIZES_WH.items():
                        path = folder / subject / "Videos" / f"{take}.{camera}.mp4"
                        shutil.copy(_film(folder.parent, image_wh), path)

    def write_videopose3d(self, folder: Path, *, with_2d: bool = True, with_metadata: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        renamed = {take: take.replace("TakingPhoto", "Photo") for take in self.takes}
        positions = {
            s: {renamed[take]: (self.motion(s, take) / 1000).astype(np.float32) for take in self.takes}
            for s in SUBJECTS
        }
        pixels = {
            s: {
                renamed[take]: [self.pixels(s, take, camera).astype(np.float32) for camera in CAMERA_SIZES_WH]
                for take in self.takes
            }
            for s in SUBJECTS
        }
        np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=np.array(positions, dtype=object))
        if with_2d:
            metadata = {"num_joints": 17, "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]}
            np.savez_compressed(
                folder / "data_2d_h36m_gt.npz",
                positions_2d=np.array(pixels, dtype=object),
                metadata=np.array(metadata, dtype=object),
            )
        if with_metadata:
            self.write_metadata(folder / "metadata.xml")

    def write_mmpose(self, folder: Path, *, images: bool = True) -> None:
        annotation = folder / "annotation_body3d" / "fps50"
        annotation.mkdir(parents=True)
        for file, subjects in (("h36m_train.npz", ("S1", "S8")), ("h36m_test.npz", ("S9",))):
            names, part, S = [], [], []
            for s in subjects:
                for take in self.takes:
                    for camera in CAMERA_SIZES_WH:
                        base = f"{s}_{take.replace(' ', '_')}.{camera}"
                        names += [f"{s}/{base}/{base}_{i + 1:06}.jpg" for i in range(FRAMES)]
                        part.append(self.pixels(s, take, camera))
                        S.append(self.in_camera(s, take, camera)[:, JOINTS_17_OF_32] / 1000)
            kps_2d, kps_3d = (np.concatenate(rows) for rows in (part, S))
            low, high = kps_2d.min(axis=1), kps_2d.max(axis=1)
            np.savez(
                annotation / file,
                imgname=np.array(names),
                center=(low + high) / 2,
                scale=1.2 * (high - low).max(axis=1) / 200,
                part=np.concatenate([kps_2d, np.ones((len(names), 17, 1))], axis=2),
                S=np.concatenate([kps_3d, np.ones((len(names), 17, 1))], axis=2),
            )
            for name in names if images else []:
                (folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / "images" / name).touch()
        (folder / "annotation_body3d" / "cameras.pkl").write_bytes(pickle.dumps(self.cameras_as_mmpose()))

    def cameras_as_mmpose(self) -> dict[tuple[str, str], dict[str, Any]]:
        cameras = {}
        for i, (key, place) in enumerate(self.cameras.items()):
            k = place.camera
            k1, k2, p1, p2, k3 = k.distortion
            cameras[key] = {
                "R": place.rotation.T,
                "T": place.position_mm.reshape(3, 1) / 1000,
                "c": np.array([[k.cx], [k.cy]]),
                "f": np.array([[k.fx], [k.fy]]),
                "k": np.array([[k1], [k2], [k3]]),
                "p": np.array([[p1], [p2]]),
                "w": k.image_wh[0],
                "h": k.image_wh[1],
                "name": f"camera{i}",
                "id": key[1],
            }
        return cameras


def write_cdf(path: Path, joints: np.ndarray) -> None:
    """Pose (1, N, 96), as Human3.6M has it."""
    pose = joints.reshape(1, len(joints), -1).astype(np.float32)
    path.unlink(missing_ok=True)
    file = cdflib.cdfwrite.CDF(path)
    spec = {
        "Variable": "Pose",
        "Data_Type": file.CDF_FLOAT,
        "Num_Elements": 1,
        "Rec_Vary": True,
        "Dim_Sizes": list(pose.shape[1:]),
    }
    file.write_var(spec, var_data=pose)
    file.close()


def _film(folder: Path, image_wh: tuple[int, int]) -> Path:
    """A video of that size, written once."""
    path = folder / f"{image_wh[1]}.mp4"
    if not path.exists():
        write_film(path, image_wh, FRAMES)
    return path


def write_film(path: Path, image_wh: tuple[int, int], frames: int) -> None:
    """Frame i is grey, 40 i."""
    with VideoWriter(path, image_wh, 50) as video:
        for i in range(frames):
            video.write(np.full((image_wh[1], image_wh[0], 3), 40 * i, np.uint8), i / 50)


def write_picture(path: Path, image_wh: tuple[int, int] = (40, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((image_wh[1], image_wh[0], 3), 90, np.uint8))


@pytest.fixture(scope="session")
def tiny() -> TinyHuman36m:
    return TinyHuman36m()


@pytest.fixture(scope="session", name="write_cdf")
def _write_cdf() -> Any:
    return write_cdf


@pytest.fixture(scope="session", name="write_film")
def _write_film() -> Any:
    return write_film
