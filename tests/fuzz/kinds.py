"""A whole file of every kind that hourlift opens, and how it is read."""

import runpy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from scipy.io import savemat

from hourlift.archive.store import Item, Record, Store
from hourlift.data import recognise
from hourlift.data.human36m.videopose3d import read_detections
from hourlift.data.images.coco import load_coco, write_coco
from hourlift.data.joints_file import FoundJoints, read_joints, write_joints
from hourlift.data.mocap.motion import load_motion
from hourlift.data.sample import Sample
from hourlift.data.shards import write_shards
from hourlift.export.quantise import float_contract
from hourlift.formats import json as pose_json
from hourlift.formats import npz
from hourlift.formats.coco_boxes import load_boxes
from hourlift.formats.submission import read_submission, write_submission
from hourlift.geometry.camera import Camera
from hourlift.hourglass.network import HourglassConfig, StackedHourglass
from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.media.images import read_image
from hourlift.media.kinds import kind_of
from hourlift.media.video import VideoReader
from hourlift.media.video_writer import VideoWriter
from hourlift.pose import PoseFrame
from hourlift.predict import PosePredictor
from hourlift.predict.people.detector import Detector
from hourlift.training.engine import checkpoint

TESTS = Path(__file__).parents[1]
COMMON = runpy.run_path(str(TESTS / "conftest.py"))
DATA = runpy.run_path(str(TESTS / "data" / "conftest.py"))
MPII = runpy.run_path(str(TESTS / "data" / "test_mpii_and_lsp.py"))
TINY = DATA["TinyHuman36m"](takes=("Directions",))

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 255, (48, 64, 3), np.uint8)
HEADER = pose_json.Header(source="a.mp4", kind="video", image_wh=(64, 48), camera=Camera.from_fov((64, 48)), fps=25.0)
SETTINGS = {"weights": "hourglass-fast", "people": 1}
ITEM = Item(source="/videos/a.mp4", kind="video")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file.

    Attributes:
        file: its path below the test's folder.
        write: writes it, and what belongs to it, into the folder.
        read: reads it; is given the file's path.
        cost: how many times as long as an ordinary kind one round takes.
    """

    file: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]
    cost: int = 1


def read_picture(path: Path) -> None:
    kind_of(path)
    read_image(path)


def read_video(path: Path) -> None:
    kind_of(path)
    with VideoReader(path) as video:
        for _ in video:
            pass


def write_video(path: Path) -> None:
    with VideoWriter(path, (64, 48), 25) as writer:
        for i in range(5):
            writer.write(np.roll(PHOTO, i, axis=1), i / 25)


def write_poses(path: Path) -> None:
    document = pose_json.PoseFile(header=HEADER, frames=[PoseFrame(index=i, time_s=i / 25) for i in range(3)])
    (npz if path.suffix == ".npz" else pose_json).write(path, document)


def people() -> list[Sample]:
    joints = np.random.default_rng(1).uniform(5, 45, (17, 2)).astype(np.float32)
    return [
        Sample(
            id=f"S1_Directions_1.54138969_{i}",
            image=PHOTO,
            image_wh=(64, 48),
            joints_2d_px=joints,
            visible=np.ones(17, bool),
            box_xyxy_px=np.array([4, 4, 46, 46], np.float32),
            joints_3d_cam_mm=np.random.default_rng(2).uniform(0, 1000, (17, 3)).astype(np.float32),
            camera=HEADER.camera,
        )
        for i in range(2)
    ]


def write_motion_npz(path: Path) -> None:
    names = ["pelvis", "l_hip", "r_hip", "l_knee", "r_knee", "thorax"]
    positions = np.random.default_rng(0).uniform(0, 2, (6, len(names), 3)).astype(np.float32)
    np.savez_compressed(
        path,
        positions=positions,
        joints=np.array(names),
        fps=np.array(30.0),
        sequence_id=np.array([0, 0, 0, 1, 1, 1]),
        sequence_names=np.array(["a", "b"]),
        action=np.array(["walk", "sit"]),
        subject=np.array(["1", "2"]),
    )


def write_bvh(path: Path) -> None:
    """A person in T-pose, in centimetres."""
    turns = "CHANNELS 3 Zrotation Xrotation Yrotation\n"

    def chain(names: list[str], step: tuple[int, int, int], inner: str) -> str:
        offset = " ".join(map(str, step))
        return "".join(f"JOINT {name} {{\nOFFSET {offset}\n{turns}" for name in names) + inner + "}\n" * len(names)

    end = "End Site {\nOFFSET 0 10 0\n}\n"
    legs = "".join(
        f"JOINT {side}UpLeg {{\nOFFSET {10 * sign} 0 0\n{turns}"
        + chain([f"{side}Leg", f"{side}Foot"], (0, -42, 0), end)
        + "}\n"
        for side, sign in (("Left", 1), ("Right", -1))
    )
    arms = "".join(
        f"JOINT {side}Arm {{\nOFFSET {18 * sign} 0 0\n{turns}"
        + chain([f"{side}ForeArm", f"{side}Hand"], (28 * sign, 0, 0), end)
        + "}\n"
        for side, sign in (("Left", 1), ("Right", -1))
    )
    trunk = f"JOINT Spine {{\nOFFSET 0 50 0\n{turns}{arms}}}\n"
    root = "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n"
    skeleton = f"HIERARCHY\nROOT Hips {{\nOFFSET 0 90 0\n{root}{legs}{trunk}}}\n"
    count = skeleton.count("CHANNELS 3") * 3 + 6
    rows = "".join(" ".join(f"{n:.2f}" for n in RNG.uniform(-20, 20, count)) + "\n" for _ in range(3))
    path.write_text(f"{skeleton}MOTION\nFrames: 3\nFrame Time: 0.0333\n{rows}")


def write_asf(path: Path) -> None:
    """CMU's skeleton, in short, as an ASF file with its AMC."""
    bones = {"lowerback": ("root", "0 1 0", 3), "upperback": ("lowerback", "0 1 0", 3)}
    for side, sign in (("l", 1), ("r", -1)):
        bones |= {
            f"{side}hipjoint": ("root", f"{sign} 0 0", 2),
            f"{side}femur": (f"{side}hipjoint", "0 -1 0", 7),
            f"{side}tibia": (f"{side}femur", "0 -1 0", 7),
            f"{side}clavicle": ("upperback", f"{sign} 0 0", 3),
            f"{side}humerus": (f"{side}clavicle", f"{sign} 0 0", 5),
            f"{side}radius": (f"{side}humerus", f"{sign} 0 0", 5),
        }
    data = "".join(
        f"begin\nid {i}\nname {name}\ndirection {way}\nlength {length}\naxis 0 0 10 XYZ\ndof rx ry rz\nend\n"
        for i, (name, (_, way, length)) in enumerate(bones.items(), 1)
    )
    tree = "".join(f"{parent} {name}\n" for name, (parent, _, _) in bones.items())
    path.with_suffix(".asf").write_text(
        ":version 1.10\n:name a\n:units\nmass 1.0\nlength 0.45\nangle deg\n:root\norder TX TY TZ RX RY RZ\n"
        f"axis XYZ\nposition 0 0 0\norientation 0 0 0\n:bonedata\n{data}:hierarchy\nbegin\n{tree}end\n"
    )
    rows = [f"{i}\nroot 0 0 0 0 {i} 0\n" + "".join(f"{name} 1 2 {i}\n" for name in bones) for i in (1, 2, 3)]
    path.with_suffix(".amc").write_text(":FULLY-SPECIFIED\n:DEGREES\n" + "".join(rows))


def read_set(above: int) -> Callable[[Path], object]:
    """Reads the whole data set that a file belongs to, whose folder lies so many levels above the file."""

    def read(path: Path) -> None:
        dataset = recognise(path.parents[above])
        list(dataset.samples("all", stride=2, images=False))

    return read


def write_lsp(folder: Path) -> None:
    joints = np.random.default_rng(0).uniform(0, 100, (3, 14, 4))
    joints[2] = 0
    savemat(folder / "joints.mat", {"joints": joints}, do_compression=True)


def write_detections(path: Path) -> None:
    TINY.write_videopose3d(path.parent)
    (path.parent / "data_2d_h36m_gt.npz").rename(path)


def write_detector(path: Path) -> None:
    dets = np.array([[[8, 8, 40, 60, 0.9], [30, 8, 60, 60, 0.6]]], np.float32)
    COMMON["_save_detector"](path, {"dets": dets, "labels": np.zeros((1, 2), np.int64)})


def read_detector(path: Path) -> None:
    Detector(path, "yolox", threads=1)(PHOTO)


def write_models(folder: Path) -> None:
    onnx.save(COMMON["marker_hourglass"](), folder / "hourglass.onnx")
    onnx.save(COMMON["marker_lifter"](), folder / "lifter.onnx")


def read_models(path: Path) -> None:
    predictor = PosePredictor(path.with_name("hourglass.onnx"), path.with_name("lifter.onnx"), threads=1)
    predictor.predict(PHOTO, np.array([[4, 4, 60, 44]]))


def read_float_contract(path: Path) -> None:
    float_contract(path)


def write_checkpoint(model: StackedHourglass | Lifter) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        state = checkpoint.describe_model(model) | {"ema": model.state_dict(), "step": 3, "progress": 0.5}
        checkpoint.save(path, state | {"stage": {"name": "a"}, "metrics": {"val_accuracy": 0.5}, "train_config": {}})

    return write


def hourglass() -> StackedHourglass:
    torch.manual_seed(0)
    return StackedHourglass(HourglassConfig(num_stacks=1, width=8, num_joints=17, depth=1))


def lifter() -> Lifter:
    torch.manual_seed(0)
    return Lifter(LifterConfig(width=16, num_blocks=1))


def write_rows(path: Path) -> None:
    write_submission(np.random.default_rng(0).normal(0, 300, (4, 17, 3)), path)


def write_store(folder: Path) -> None:
    store = Store(str(folder))
    store.start(SETTINGS, resume=False)
    store.finish(ITEM, Record(source=ITEM.source, kind="video", status="done", frames=3, rows=3), None)


def read_store(above: int) -> Callable[[Path], object]:
    def read(path: Path) -> None:
        store = Store(str(path.parents[above]))
        store.start(SETTINGS, resume=True)
        store.finished()
        store.record(ITEM)

    return read


def kind(file: str, write: Callable[[Path], object], read: Callable[[Path], object], cost: int = 1) -> Kind:
    return Kind(file=file, write=lambda folder: write(folder / file), read=read, cost=cost)


def in_set(file: str, write: Callable[[Path], object], cost: int = 1) -> Kind:
    """A file of a data set."""
    return Kind(file=file, write=write, read=read_set(len(Path(file).parts) - 1), cost=cost)


KINDS: dict[str, Kind] = {
    **{
        f"image {suffix}": kind(f"a{suffix}", lambda path: cv2.imwrite(str(path), PHOTO), read_picture)
        for suffix in (".jpg", ".png", ".webp", ".bmp", ".tif", ".jp2", ".avif")
    },
    "video": kind("a.mp4", write_video, read_video),
    "poses json": kind("a.json", write_poses, pose_json.load),
    "poses npz": kind("a.npz", write_poses, npz.load),
    "camera": kind(
        "camera.json",
        lambda path: path.write_text('{"fx": 9, "fy": 9, "cx": 1, "cy": 1, "image_wh": [4, 4], "distortion": []}'),
        Camera.load,
    ),
    "boxes": kind(
        "boxes.json",
        lambda path: path.write_text('[{"image_id": 0, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.9}]'),
        load_boxes,
    ),
    "motion npz": kind("walk.npz", write_motion_npz, load_motion),
    "motion bvh": kind("walk.bvh", write_bvh, load_motion),
    "motion amc": kind("walk.amc", write_asf, load_motion),
    "motion asf": kind("walk.asf", write_asf, lambda path: load_motion(path.with_suffix(".amc"))),
    "joints npz": kind(
        "found.npz",
        lambda path: write_joints(
            FoundJoints(
                ids=["a", "b"], joints_2d_px=np.ones((2, 17, 2), np.float32), confidence=np.ones((2, 17), np.float32)
            ),
            path,
        ),
        read_joints,
    ),
    "VideoPose3D 3d": in_set("data_3d_h36m.npz", TINY.write_videopose3d),
    "VideoPose3D 2d": in_set("data_2d_h36m_gt.npz", TINY.write_videopose3d),
    "VideoPose3D detections": kind("cpn.npz", write_detections, lambda path: list(read_detections(path))),
    "mmpose npz": in_set(
        "annotation_body3d/fps50/h36m_train.npz", lambda folder: TINY.write_mmpose(folder, images=False)
    ),
    "mmpose cameras": in_set("annotation_body3d/cameras.pkl", lambda folder: TINY.write_mmpose(folder, images=False)),
    "Human3.6M metadata": in_set(
        "metadata.xml", lambda folder: TINY.write_official(folder, kinds=("D3_Positions",)), cost=3
    ),
    "Human3.6M cdf": in_set(
        "S1/MyPoseFeatures/D3_Positions/Directions.cdf",
        lambda folder: TINY.write_official(folder, kinds=("D3_Positions",)),
        cost=3,
    ),
    "LSP mat": in_set("joints.mat", write_lsp, cost=40),
    "MPII mat": in_set("mpii_human_pose_v1_u12_1.mat", lambda folder: MPII["write_mat"](folder / MPII["MAT"]), cost=40),
    "MPII h5": in_set("annot/train.h5", lambda folder: MPII["write_h5"](folder / "annot"), cost=40),
    "COCO json": kind("keypoints.json", lambda path: write_coco(people(), path.parent), load_coco),
    "shard": in_set("shard-000000.tar", lambda folder: write_shards(people(), folder, image_format="png")),
    "detector onnx": kind("yolox.onnx", write_detector, read_detector),
    "hourglass onnx": Kind(file="hourglass.onnx", write=write_models, read=read_models, cost=2),
    "lifter onnx": Kind(file="lifter.onnx", write=write_models, read=read_models, cost=2),
    "onnx to quantise": Kind(file="hourglass.onnx", write=write_models, read=read_float_contract),
    "hourglass checkpoint": kind("best.pt", write_checkpoint(hourglass()), checkpoint.load_model, cost=2),
    "lifter checkpoint": kind("best.pt", write_checkpoint(lifter()), checkpoint.load_model),
    "checkpoint to start from": kind(
        "best.pt", write_checkpoint(lifter()), lambda path: checkpoint.warm_start(lifter(), path)
    ),
    "submission csv": kind("rows.csv", write_rows, read_submission),
    "submission gz": kind("rows.csv.gz", write_rows, read_submission),
    "batch run": Kind(file="_run.json", write=write_store, read=read_store(0)),
    "batch record": Kind(
        file=f"_sources/source_id={ITEM.id}/source.parquet", write=write_store, read=read_store(2), cost=2
    ),
}
