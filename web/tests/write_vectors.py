"""Numbers that the page's TypeScript must reproduce, out of the Python package: python web/tests/write_vectors.py.

One file a concept in web/tests/vectors/. `tests/web/test_vectors.py` fails when the package no longer gives these
numbers: then run this script again, and bring the TypeScript up to date until `npm test` passes.
"""

import base64
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hourlift.formats import bvh, csv, gltf
from hourlift.formats.json import Header, PoseFile, dumps
from hourlift.geometry.angles import joint_angles
from hourlift.geometry.camera import Camera, solve_root, virtual_rotation
from hourlift.geometry.crop import Crop, box_from_joints, rescale_points
from hourlift.geometry.skeleton import H36M17
from hourlift.hourglass.heatmap import decode, encode, find_peaks
from hourlift.lifter.normalize import crop_offsets, denormalize, normalize_joints, person_input
from hourlift.pose import Pose, PoseFrame
from hourlift.predict.models.confidence import Calibration, gather_evidence
from hourlift.predict.models.keypoints import cut_out, trunk_tilt
from hourlift.predict.people.search import iou, person_box, search_boxes

FOLDER = Path(__file__).parent / "vectors"
CAMERAS = (
    Camera.from_fov((640, 480)),
    Camera.from_fov((480, 853), 40.0),
    Camera.from_focal_35mm((4000, 3000), 26.0),
)


def joints_cam_mm(seed: int, count: int) -> np.ndarray:
    """(count, 17, 3) people of random shape in front of a camera; the pelvis somewhere in the frame."""
    rng = np.random.default_rng(seed)
    places = np.stack(
        [rng.uniform(-900, 900, count), rng.uniform(-300, 300, count), rng.uniform(2500, 5000, count)], -1
    )
    return places[:, None] + rng.normal(0, (250, 450, 250), (count, H36M17.num_joints, 3))


def skeleton() -> dict[str, Any]:
    """Order, parents, other sides."""
    return {
        "joints": H36M17.joint_names,
        "parents": H36M17.parents,
        "flip": H36M17.flip_permutation.tolist(),
    }


def crops() -> dict[str, Any]:
    """Boxes of joints, crops of boxes, points to and fro."""
    rng = np.random.default_rng(1)
    joints = rng.uniform(-50, 600, (4, 17, 2))
    joints[1, 3] = np.nan
    joints[2, :, 0] = joints[2, 0, 0]  # edge-on
    joints[3] = np.nan
    boxes = [[10.0, 20.0, 110.0, 320.0], [-30.5, 4.25, 99.0, 40.0], [0.0, 5.0, 7.0, 5.0]]
    boxes += boxes[:2]
    points = rng.uniform(-10, 400, (5, 2))
    turns_rad = [0.0, 0.0, 0.0, 0.6, -2.5]
    made = [replace(Crop.from_box(box, 128, 1.1), turn_rad=turn) for box, turn in zip(boxes, turns_rad, strict=True)]
    return {
        "joints": joints,
        "boxes_of_joints": box_from_joints(joints),
        "boxes": boxes,
        "turns_rad": turns_rad,
        "offsets": [crop.affine[:, 2] for crop in made],
        "scales": [crop.scale for crop in made],
        "points": points,
        "to_crop": [crop.to_crop(points) for crop in made],
        "to_image": [crop.to_image(points) for crop in made],
        "rescaled": rescale_points(points, 0.25),
    }


def cutouts() -> dict[str, Any]:
    """Crops cut out of a small image: enlarged, shrunk a little, shrunk much, reaching outside, turned."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0:90, 0:120]
    smooth = np.stack([100 + 90 * np.sin(x / 9 + c) * np.cos(y / (7 + c)) for c in range(3)], -1)
    image = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
    boxes = [[30.0, 20.0, 41.0, 33.0], [-20.0, -30.0, 60.0, 40.0], [0.0, 0.0, 119.0, 89.0], [300.0, 0.0, 340.0, 30.0]]
    boxes += [*boxes[:3], [20.0, 10.0, 60.0, 80.0]]
    turns_rad = [0.0] * 4 + [0.6, -1.2, 2.0, np.pi / 2]
    size = 16
    squares = [
        replace(Crop.from_box(box, size, 1.1), turn_rad=turn) for box, turn in zip(boxes, turns_rad, strict=True)
    ]
    made = cut_out(image, squares, size)
    return {
        "image_wh": [120, 90],
        "rgb": _bytes(image),
        "size": size,
        "boxes": boxes,
        "turns_rad": turns_rad,
        "crops": [_bytes(c) for c in made],
    }


def cameras() -> dict[str, Any]:
    """Cameras, rays, the virtual camera, the root."""
    rng = np.random.default_rng(3)
    people = joints_cam_mm(3, len(CAMERAS))
    relative = people - people[:, :1]
    pixels = np.stack([camera.project(joints) for camera, joints in zip(CAMERAS, people, strict=True)])
    noisy = pixels + rng.normal(0, 2, pixels.shape)
    rays = np.stack([camera.unproject(p) for camera, p in zip(CAMERAS, noisy, strict=True)])
    weights = rng.uniform(0, 1, people.shape[:2])
    weights[:, 5] = 0
    turns = np.array([[0.0, 0.0, 2.0], [0.3, -0.2, 1.0], [-3.0, 1.0, -0.5], [0.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    behind = solve_root(relative[0], -rays[0] * (1, 1, -1), weights[0])
    return {
        "cameras": [camera.to_dict() for camera in CAMERAS],
        "made_from": [{"fov_deg": 60.0}, {"fov_deg": 40.0}, {"focal_35mm": 26.0}],
        "pixels": noisy,
        "rays": rays,
        "turns": turns,
        "rotations": virtual_rotation(turns),
        "joints_mm": relative,
        "weights": weights,
        "roots_mm": solve_root(relative, rays, weights),
        "mirrored_root_mm": behind,
    }


def heatmaps() -> dict[str, Any]:
    """Peaks of noisy Gaussians, on borders, between cells, of nothing."""
    rng = np.random.default_rng(4)
    points = np.concatenate([rng.uniform(0, 15, (6, 2)), [[0.0, 7.3], [15.0, 15.0], [7.5, 7.5]]])
    maps = encode(points, (16, 16)) * rng.uniform(0.2, 1, (len(points), 1, 1)) + rng.uniform(
        0, 0.04, (len(points), 16, 16)
    )
    maps = np.concatenate([maps, np.zeros((1, 16, 16)), np.full((1, 16, 16), 0.5)]).round(4).astype(np.float32)
    decoded = {method: decode(maps[None], method)[0][0] for method in ("argmax", "quarter", "dark")}
    return {"width": 16, "heatmaps": maps.reshape(len(maps), -1), **decoded, "peaks": decode(maps[None])[1][0]}


def pairs() -> dict[str, Any]:
    """Heatmaps of people each of whose pairs seem to be on one limb, with more or less of a second place elsewhere."""
    rng = np.random.default_rng(11)
    size, shape = (20, 20), (2, 17)
    places, elsewhere = rng.uniform(0, 20, (2, *shape, 2))
    for left, right in H36M17.flip_pairs:
        places[:, right] = places[:, left] + rng.normal(0, 1, (2, 2))
    share = rng.uniform(0, 0.8, (*shape, 1, 1))
    maps = encode(places, size) + share * encode(elsewhere, size, sigma=1.5) + rng.uniform(0, 0.02, (*shape, *size))
    maps = maps.round(3).astype(np.float32)
    return {
        "width": 20,
        "people": maps.astype(float).round(3).reshape(*shape, -1),
        "largest": find_peaks(maps),
        "told_apart": find_peaks(maps, H36M17.flip_pairs),
    }


def lifting() -> dict[str, Any]:
    """What the lifter reads, and the way back."""
    people = joints_cam_mm(5, 3)
    pixels = np.stack([camera.project(joints) for camera, joints in zip(CAMERAS, people, strict=True)])
    pixels[1, 4] = np.nan
    made = [normalize_joints(p, camera) for p, camera in zip(pixels, CAMERAS, strict=True)]
    answer = people - people[:, :1]
    boxes = box_from_joints(pixels)
    confidence = np.random.default_rng(5).uniform(0.05, 1, pixels.shape[:2]).round(3)
    confidence[0, H36M17.root] = confidence[2, 11] = 0
    confidence[2, H36M17.indices("pelvis", "r_hip", "l_hip")] = 0
    people_read = [person_input(p, c, camera) for p, c, camera in zip(pixels, confidence, CAMERAS, strict=True)]
    return {
        "confidence": confidence,
        "people_read": [read for read, _ in people_read],
        "people_rotations": [back.rotation for _, back in people_read],
        "cameras": [camera.to_dict() for camera in CAMERAS],
        "pixels": pixels,
        "rays": [m.rays for m in made],
        "rotations": [m.rotation for m in made],
        "answers_mm": answer,
        "turned_back_mm": [denormalize(a, m.rotation) for a, m in zip(answer, made, strict=True)],
        "boxes": boxes,
        "crop_offsets": crop_offsets(pixels, boxes),
    }


def searching() -> dict[str, Any]:
    """Where people are searched, and boxes around what was found."""
    rng = np.random.default_rng(6)
    joints, peaks = rng.uniform(0, 400, (5, 17, 2)), rng.uniform(0, 1, (5, 17))
    peaks[3] = 0.1
    joints[4] = joints[4, :1] + rng.uniform(0, 0.5, (17, 2))
    boxes = person_box(joints, peaks)
    sizes = [(640, 480), (300, 1200), (100, 5000)]
    return {
        "joints_px": joints,
        "peaks": peaks,
        "boxes": boxes,
        "iou": iou(boxes[:1], boxes),
        "sizes": sizes,
        "search_boxes": [list(search_boxes(size)) for size in sizes],
    }


def tilts() -> dict[str, Any]:
    """How far the trunks of random people lean, one of whom has no head."""
    joints = np.random.default_rng(10).uniform(0, 400, (8, 17, 2))
    joints[7, H36M17.index("head")] = np.nan
    return {"joints_px": joints, "tilts_rad": trunk_tilt(joints)}


def confidence() -> dict[str, Any]:
    """A calibration's answer to heatmaps of one person."""
    rng = np.random.default_rng(7)
    maps = encode(rng.uniform(-1, 16, (17, 2)), (16, 16)) * rng.uniform(0.05, 1, (17, 1, 1)) + 0.01
    maps = maps.round(4).astype(np.float32)
    calibration = Calibration(weights=rng.normal(0, 0.7, (17, 4)).round(4))
    return {
        "width": 16,
        "heatmaps": maps.reshape(17, -1),
        "contract": calibration.to_contract(),
        "confidence": calibration(gather_evidence(maps[None]))[0],
    }


def angles() -> dict[str, Any]:
    """Joint angles of random people, one of them with a joint unknown."""
    people = joints_cam_mm(8, 6)
    people[1, H36M17.index("l_knee")] = np.nan
    found = joint_angles(people)
    return {"joints_mm": people, "angles_deg": [{key: value[i] for key, value in found.items()} for i in range(6)]}


def files() -> dict[str, Any]:
    """A video of five frames in which the person is lost for one, and what is written of it."""
    rng = np.random.default_rng(9)
    camera, start = CAMERAS[0], joints_cam_mm(9, 1)[0]
    frames = []
    for index in range(5):
        joints = start + index * rng.normal(0, 25, start.shape) + (30 * index, 0, 0)
        if index == 1:
            joints[H36M17.index("r_wrist")] = np.nan
        pose = Pose(
            joints_2d_px=camera.project(joints).round(2),
            confidence=rng.uniform(0, 1, 17).round(3),
            joints_3d_mm=(joints - joints[0]).round(1),
            root_cam_mm=joints[0].round(1),
            box_xyxy_px=box_from_joints(camera.project(joints)).round(2),
            camera=camera,
        )
        frames.append(
            PoseFrame(
                index=index, time_s=round(index / 25 + 0.004 * (index % 2), 6), people=[] if index == 3 else [pose]
            )
        )
    document = PoseFile(
        header=Header(source="dance.mp4", kind="video", image_wh=(640, 480), camera=camera, fps=25.0), frames=frames
    )
    still = replace(document, header=replace(document.header, kind="photo", fps=None), frames=frames[:1])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "poses"

        def written(write: Callable[[Path, PoseFile], None], poses: PoseFile) -> bytes:
            write(path, poses)
            return path.read_bytes()

        return {
            "json": json.loads(dumps(document.header, document.frames)),
            "csv": written(csv.write, document).decode().splitlines(),
            "bvh": written(bvh.write, document).decode().splitlines(),
            "glb": base64.b64encode(written(gltf.write, document)).decode(),
            "still_bvh": written(bvh.write, still).decode().splitlines(),
            "still_glb": base64.b64encode(written(gltf.write, still)).decode(),
        }


SECTIONS: tuple[Callable[[], dict[str, Any]], ...] = (
    skeleton, crops, cutouts, cameras, heatmaps, pairs, lifting, searching, tilts, confidence, angles, files,
)  # fmt: skip


def plain(value: Any) -> Any:
    """Lists, numbers and None for NaN, as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.10g}") if np.isfinite(value) else None
    return value


def _bytes(image: np.ndarray) -> str:
    return base64.b64encode(image.tobytes()).decode()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for section in SECTIONS:
        text = json.dumps(plain(section()), separators=(",", ":"), allow_nan=False)
        (FOLDER / f"{section.__name__}.json").write_text(text + "\n")
