"""MPII and LSP, in the layouts that they are published in."""

import sys
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from scipy.io import savemat

from hourlift.data import recognise
from hourlift.geometry.crop import Crop
from hourlift.geometry.skeleton import H36M17, LSP14, MPII16
from hourlift.metrics import pck
from hourlift.metrics.pck import head_length, pckh

MAT = "mpii_human_pose_v1_u12_1.mat"
CENTER, SCALE, HEAD = (300.0, 200.0), 1.5, (280.0, 50.0, 320.0, 80.0)
JOINTS = np.array([(200.0 + 10 * i, 100.0 + 7 * i) for i in range(16)])  # MATLAB's, from 1


def write_pictures(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.zeros((8, 9, 3), np.uint8))


def struct(**fields: Any) -> np.ndarray:
    """A MATLAB struct (1, 1)."""
    array = np.empty((1, 1), dtype=[(name, object) for name in fields])
    for name, value in fields.items():
        array[name][0, 0] = value
    return array


def structs(*rows: np.ndarray) -> np.ndarray:
    """A struct array (1, N) of structs with the same fields."""
    return np.concatenate(rows, axis=1)


def person(joints: dict[int, Any], **more: Any) -> np.ndarray:
    """annorect: one person; `joints` maps MPII's ids to `is_visible`."""
    points = [
        struct(x=JOINTS[i, 0], y=JOINTS[i, 1], id=i, is_visible=np.zeros((0, 0)) if flag is None else flag)
        for i, flag in joints.items()
    ]
    x1, y1, x2, y2 = HEAD
    center = struct(x=CENTER[0], y=CENTER[1])
    point = structs(*points) if points else np.zeros((0, 0))
    fields = {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "annopoints": struct(point=point), "scale": SCALE}
    return struct(**fields | {"objpos": center} | more)


def write_mat(path: Path) -> None:
    """RELEASE with an image of two people, one of one, one of nobody, one of a person without joints, and a test's."""
    everything: dict[int, Any] = dict.fromkeys(range(16), 1) | {8: None, 9: None, 0: "0", 10: 0, 11: "1"}
    images = [
        ("a.jpg", structs(person(everything), person({6: 1, 7: 1})), 1),
        ("b.jpg", person(everything), 1),
        ("c.jpg", np.zeros((0, 0)), 1),
        ("d.jpg", person({}), 1),
        ("e.jpg", person(everything), 0),
    ]
    annolist = structs(*(struct(image=struct(name=name), annorect=rect) for name, rect, _ in images))
    flags = np.array([[flag for *_, flag in images]], np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"RELEASE": struct(annolist=annolist, img_train=flags, version="12")})


def write_h5(folder: Path) -> None:
    folder.mkdir(parents=True)
    part = np.tile(JOINTS, (2, 1, 1))
    part[1, 10] = 0  # not labelled
    for file, names in (("train.h5", ["a.jpg", "b.jpg"]), ("valid.h5", ["c.jpg", "c.jpg"])):
        with h5py.File(folder / file, "w") as h5:
            h5["imgname"] = np.array(names, dtype="S16")
            h5["person"], h5["index"] = np.array([0, 1]), np.array([5, 6])
            h5["center"], h5["scale"] = np.tile(CENTER, (2, 1)), np.array([SCALE, SCALE])
            h5["part"], h5["visible"] = part, np.tile(np.arange(16) % 2, (2, 1))
            h5["normalize"], h5["torsoangle"] = np.array([30.0, 30.0]), np.zeros(2)


@pytest.fixture
def mat(tmp_path: Path) -> Path:
    write_mat(tmp_path / "mpii" / MAT)
    write_pictures(tmp_path / "mpii" / "images", ["a.jpg", "b.jpg"])
    return tmp_path / "mpii"


@pytest.fixture
def h5(tmp_path: Path) -> Path:
    write_h5(tmp_path / "mpii" / "annot")
    write_pictures(tmp_path / "mpii" / "images", ["a.jpg", "b.jpg", "c.jpg"])
    return tmp_path / "mpii"


@pytest.mark.parametrize("layout", ["mat", "h5"])
def test_joints_boxes_and_heads(layout: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(layout)
    dataset = recognise(folder)
    assert dataset.name == f"MPII Human Pose ({layout})" and dataset.missing == () and not dataset.has_3d
    sample = next(dataset.samples("train"))
    assert sample.id == "a_0" and sample.load_image().shape == (8, 9, 3)
    for name in set(MPII16.joint_names) & set(H36M17.joint_names):
        truth = JOINTS[MPII16.index(name)] - 1
        np.testing.assert_allclose(sample.joints_2d_px[H36M17.index(name)], truth, atol=1e-4)
    np.testing.assert_allclose(sample.joints_2d_px[H36M17.index("head")], JOINTS[8:10].mean(0) - 1, atol=1e-4)
    assert np.isnan(sample.joints_2d_px[H36M17.index("nose")]).all() and not sample.visible[H36M17.index("nose")]
    crop = Crop.from_box(sample.box_xyxy_px, 256)
    assert crop.side_px == pytest.approx(250 * SCALE)
    assert crop.center_px == pytest.approx((CENTER[0] - 1, CENTER[1] + 15 * SCALE - 1))
    head = 0.6 * 50 if layout == "mat" else 30.0
    assert sample.head_box_xyxy_px is not None
    assert float(head_length(sample.head_box_xyxy_px)) == pytest.approx(head, rel=1e-5)
    shifted = sample.joints_2d_px + np.array([0.49 * head, 0], np.float32)
    assert pckh(shifted[None], sample.joints_2d_px[None], sample.head_box_xyxy_px[None]) == 1.0
    assert pck(shifted[None], sample.joints_2d_px[None], np.array([head]), 0.4) == 0.0


def test_visibility_in_the_mat_is_a_number_text_or_nothing(mat: Path) -> None:
    first, second, third = recognise(mat).samples()
    assert (first.id, second.id, third.id) == ("a_0", "a_1", "b_0")
    seen = {name: bool(first.visible[i]) for i, name in enumerate(H36M17.joint_names)}
    assert seen["head"] and seen["r_elbow"] and not seen["r_ankle"] and not seen["r_wrist"]
    np.testing.assert_array_equal(
        np.isfinite(second.joints_2d_px).all(-1).nonzero()[0], H36M17.indices("pelvis", "spine", "thorax")
    )


def test_the_split_of_the_mat_is_optional(mat: Path) -> None:
    assert recognise(mat).splits == ("train", "all")
    (mat / "annot").mkdir()
    (mat / "annot" / "valid_images.txt").write_text("b.jpg\n")
    dataset = recognise(mat)
    assert [sample.id for sample in dataset.samples("train")] == ["a_0", "a_1"]
    assert [sample.id for sample in dataset.samples("validate")] == ["b_0"]
    assert [sample.id for sample in dataset.samples(stride=2)] == ["a_0", "b_0"]


def test_the_h5_have_a_split(h5: Path) -> None:
    dataset = recognise(h5)
    assert [sample.id for sample in dataset.samples("validate")] == ["c_0", "c_1"]
    wrist = H36M17.index("r_wrist")
    sample = list(dataset.samples("train"))[1]
    assert np.isnan(sample.joints_2d_px[wrist]).all() and not sample.visible[wrist]
    assert sample.visible[H36M17.index("l_hip")] and not sample.visible[H36M17.index("r_hip")]
    (h5 / "annot" / "valid.h5").unlink()
    assert recognise(h5).missing == ("valid.h5",)


def test_mpiis_mistakes_are_one_sentence(h5: Path, mat: Path) -> None:
    (h5 / "images" / "b.jpg").unlink()
    assert recognise(h5).missing == ("1 of 3 images in images/, such as b.jpg",)
    with h5py.File(h5 / "annot" / "train.h5", "a") as file:
        del file["part"]
        file["part"] = np.zeros((2, 14, 2))
    with pytest.raises(ValueError, match=r"train\.h5: part is \(2, 14, 2\), not \(any, 16, 2\)"):
        recognise(h5)
    with h5py.File(h5 / "annot" / "train.h5", "a") as file:
        del file["part"]
    with pytest.raises(ValueError, match=r"train\.h5 has no part"):
        recognise(h5)
    (h5 / "annot" / "train.h5").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"train\.h5 is not a valid HDF5 file"):
        recognise(h5)
    for name in ("train.h5", "valid.h5"):
        (h5 / "annot" / name).unlink()
    (mat / MAT).write_bytes((mat / MAT).read_bytes()[:900])
    with pytest.raises(ValueError, match=rf"{MAT} is not a valid MATLAB file"):
        recognise(mat)


@pytest.mark.parametrize("is_extended", [False, True])
def test_leeds_sports_pose(tmp_path: Path, is_extended: bool) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(5, 100, (4, 14, 2))
    flag = rng.integers(0, 2, (4, 14)).astype(float)
    flag[0] = np.arange(14) % 2
    flag[3] = 0
    joints = np.concatenate([points, flag[..., None]], axis=2)
    savemat(tmp_path / "joints.mat", {"joints": joints.transpose((1, 2, 0) if is_extended else (2, 1, 0))})
    names = [f"im{i + 1:0{5 if is_extended else 4}}.jpg" for i in range(4)]
    write_pictures(tmp_path / "images", names)
    dataset = recognise(tmp_path)
    assert dataset.missing == () and dataset.counts.people == 4
    samples = list(dataset.samples())
    first = samples[0]
    for name in set(LSP14.joint_names) & set(H36M17.joint_names):
        i, j = LSP14.index(name), H36M17.index(name)
        labelled = flag[0, i] == 1 or not is_extended
        np.testing.assert_allclose(first.joints_2d_px[j], points[0, i] if labelled else [np.nan] * 2, rtol=1e-6)
        assert first.visible[j] == (flag[0, i] == 1 if is_extended else flag[0, i] == 0)
    if is_extended:
        assert dataset.splits == ("train", "all") and len(samples) == 3  # the last has no labelled joint
    else:
        assert [sample.id for sample in dataset.samples("test")] == ["im0003", "im0004"]
    (tmp_path / "images" / names[1]).unlink()
    assert recognise(tmp_path).missing == (f"1 of 4 images, such as images/{names[1]}",)


def test_joints_of_another_skeleton(tmp_path: Path) -> None:
    savemat(tmp_path / "joints.mat", {"joints": np.zeros((3, 16, 5))})
    with pytest.raises(ValueError, match=r"joints\.mat: joints is \(3, 16, 5\), not .* for LSP's 14 joints"):
        recognise(tmp_path)
    savemat(tmp_path / "joints.mat", {"other": np.zeros(3)})
    with pytest.raises(ValueError, match=r"joints\.mat has no joints"):
        recognise(tmp_path)


@pytest.mark.parametrize(("package", "layout"), [("scipy.io", "mat"), ("h5py", "h5")])
def test_a_missing_package_is_named(
    package: str, layout: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = request.getfixturevalue(layout)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError, match=rf"needs the package {package[:4]}.*: pip install 'hourlift\[data\]'"):
        recognise(folder)
