"""Human3.6M in three layouts, written here as they are published, comes out as the same people."""

import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hourlift.data import DataSet, Sample, recognise
from hourlift.data.human36m.cameras import read_cameras_pickle, read_metadata, resect
from hourlift.data.human36m.protocol import CAMERA_SIZES_WH, JOINTS_17_OF_32, SPLITS, SUBJECTS, parse_take
from hourlift.data.human36m.videopose3d import read_detections
from hourlift.geometry.skeleton import COCO17, H36M17, MPII16, Skeleton

MONO, WORLD = "D3_Positions_mono", "D3_Positions"
WRITERS: dict[str, Callable[[Any, Path], None]] = {
    "official": lambda tiny, folder: tiny.write_official(folder),
    "official, world": lambda tiny, folder: tiny.write_official(folder, (WORLD,)),
    "official, camera": lambda tiny, folder: tiny.write_official(folder, (MONO,)),
    "videopose3d": lambda tiny, folder: tiny.write_videopose3d(folder),
    "videopose3d, no 2D": lambda tiny, folder: tiny.write_videopose3d(folder, with_2d=False),
    "mmpose": lambda tiny, folder: tiny.write_mmpose(folder),
}


@pytest.fixture(scope="module", params=WRITERS)
def dataset(request: pytest.FixtureRequest, tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    folder = tmp_path_factory.mktemp("h36m") / "set"
    WRITERS[request.param](tiny, folder)
    return recognise(folder)


def test_every_layout_gives_the_same_people(dataset: DataSet, tiny: Any) -> None:
    samples = list(dataset.samples(images=False))
    assert len(samples) == len({sample.id for sample in samples}) == dataset.counts.people == 3 * 4 * 4 * 6
    assert "S1_Photo_1.54138969_000003" in {sample.id for sample in samples}
    for sample in samples:
        source = sample.frame_id
        assert source is not None
        name = {"Photo": "TakingPhoto"}.get(source.action, source.action)
        take = f"{name} {source.take}" if source.take else name
        truth = tiny.in_camera(source.subject, take, source.camera)[source.frame - 1, JOINTS_17_OF_32, :]
        np.testing.assert_allclose(sample.joints_3d_cam_mm, truth, atol=0.02)
        assert sample.camera is not None and sample.joints_3d_cam_mm is not None
        np.testing.assert_allclose(sample.camera.project(truth), sample.joints_2d_px, atol=0.02)
        assert sample.image_wh == CAMERA_SIZES_WH[source.camera]


def test_counts(dataset: DataSet) -> None:
    counts = dataset.counts
    assert counts.subjects == ("S1", "S8", "S9")
    assert counts.actions == ("Directions", "Photo", "Sitting", "SittingDown")
    assert counts.cameras == tuple(CAMERA_SIZES_WH) and counts.videos == 3 * 4 * 4


@pytest.mark.parametrize(
    ("split", "subjects"),
    [("train", {"S1", "S8"}), ("test", {"S9"}), ("report-train", {"S1"}), ("report-validate", {"S8"})],
)
def test_splits_and_strides(dataset: DataSet, split: str, subjects: set[str]) -> None:
    samples = list(dataset.samples(split, stride=3, images=False))
    assert {sample.frame_id.subject for sample in samples if sample.frame_id} == subjects
    assert len(samples) == len(subjects) * 4 * 4 * 2
    with pytest.raises(ValueError, match="has no split 'dev'; it has train, test, report-train"):
        dataset.samples("dev")


def test_some_are_from_all_over(dataset: DataSet) -> None:
    some = [sample.frame_id for sample in dataset.some(5)]
    assert len(some) == len(set(some)) == 5
    assert {source.subject for source in some if source} == {"S1", "S8", "S9"}


def test_the_splits_are_the_reports_and_the_literatures() -> None:
    assert SPLITS["train"] == ("S1", "S5", "S6", "S7", "S8") and SPLITS["test"] == ("S9", "S11")
    assert SPLITS["report-train"] + SPLITS["report-validate"] == SPLITS["train"]
    assert set(SPLITS["train"]) | set(SPLITS["test"]) == set(SUBJECTS) == set(SPLITS["all"])


@pytest.mark.parametrize(
    ("name", "take"),
    [
        ("Sitting", ("Sitting", 0)),
        ("SittingDown", ("SittingDown", 0)),
        ("Sitting 2", ("Sitting", 2)),
        ("SittingDown_1", ("SittingDown", 1)),
        ("TakingPhoto 1", ("Photo", 1)),
        ("WalkingDog", ("WalkDog", 0)),
        ("Walking 1", ("Walking", 1)),
        ("WalkTogether 1", ("WalkTogether", 1)),
        ("_ALL 1", None),
        ("Walkin", None),
    ],
)
def test_names_of_takes(name: str, take: tuple[str, int] | None) -> None:
    assert parse_take(name) == take


def test_frames_come_from_the_films(tiny: Any, tmp_path: Path) -> None:
    few = type(tiny)(takes=("Directions",))
    tmp_path = tmp_path / "set"
    few.write_official(tmp_path, videos=True)
    dataset = recognise(tmp_path)
    samples = list(dataset.samples("test", stride=2))
    assert [sample.frame_id.frame for sample in samples if sample.frame_id] == [1, 3, 5] * 4
    for i, sample in enumerate(samples):
        assert sample.image_wh == (sample.load_image().shape[1], sample.load_image().shape[0])
        assert abs(int(sample.load_image()[500, 500, 0]) - 80 * (i % 3)) < 4
    assert {sample.id for sample in dataset.samples("test", stride=2, images=False)} == {s.id for s in samples}
    some = list(dataset.some(3))
    assert [sample.frame_id.subject for sample in some if sample.frame_id] == ["S1", "S8", "S9"]
    assert all(isinstance(sample.image, np.ndarray) for sample in some)
    video = tmp_path / "S9" / "Videos" / "Directions.60457274.mp4"
    video.write_bytes(video.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"Directions\.60457274\.mp4 cannot be read as a video"):
        list(dataset.samples("test"))
    video.unlink()
    assert any(m == "S9: 1 of 4 videos, such as S9/Videos/Directions.60457274.mp4" for m in recognise(tmp_path).missing)
    with pytest.raises(ValueError, match=r"1 of 4 videos of the split test are missing, such as .*60457274\.mp4"):
        dataset.samples("test")
    shutil.copy(tmp_path / "S9" / "Videos" / "Directions.55011271.mp4", video)
    with pytest.raises(ValueError, match=r"60457274\.mp4 is \(1000, 1000\); its camera's videos are \(1000, 1002\)"):
        list(dataset.samples("test"))


def test_a_film_that_is_cut_off(tiny: Any, tmp_path: Path, write_film: Callable[..., None]) -> None:
    few = type(tiny)(takes=("Directions",))
    few.write_official(tmp_path / "set", videos=True)
    video = tmp_path / "set" / "S9" / "Videos" / "Directions.54138969.mp4"
    write_film(video, (1000, 1002), 3)
    with pytest.raises(ValueError, match=r"54138969\.mp4 is cut off: it ends after 3 of 6 frames"):
        list(recognise(tmp_path / "set").samples("test"))


def test_the_corrupt_take_is_left_out(tiny: Any, tmp_path: Path) -> None:
    tiny.write_official(tmp_path)
    shutil.move(tmp_path / "S9", tmp_path / "S11")
    takes = {
        (s.frame_id.action, s.frame_id.take) for s in recognise(tmp_path).samples("test", images=False) if s.frame_id
    }
    assert takes == {("Photo", 1), ("Sitting", 1), ("SittingDown", 2)}


def test_what_is_missing_is_named(dataset: DataSet) -> None:
    missing = " / ".join(dataset.missing)
    assert "S5" in missing and "S11" in missing
    if "official" in dataset.name:
        assert "S1: motion of 4 of 30 takes" in dataset.missing
        assert "S1: 16 of 16 videos, such as S1/Videos/Directions.54138969.mp4" in dataset.missing
    if "VideoPose3D" in dataset.name:
        assert "this trains the lifter, not the hourglass" in missing


def test_without_cameras(tiny: Any, tmp_path: Path) -> None:
    tiny.write_official(tmp_path / "a")
    (tmp_path / "a" / "metadata.xml").unlink()
    dataset = recognise(tmp_path / "a")
    assert "metadata.xml with the cameras: without it joints cannot be projected into images" in dataset.missing
    with pytest.raises(ValueError, match=r"a has no metadata\.xml, which holds the cameras: put it there"):
        dataset.samples("test", images=False)
    tiny.write_mmpose(tmp_path / "b")
    (tmp_path / "b" / "annotation_body3d" / "cameras.pkl").unlink()
    dataset = recognise(tmp_path / "b")
    assert "without it this trains the hourglass, not the lifter" in dataset.missing[-1]
    sample = next(dataset.samples())
    assert sample.camera is None and np.isfinite(sample.joints_2d_px).all()
    tiny.write_videopose3d(tmp_path / "c", with_2d=False, with_metadata=False)
    dataset = recognise(tmp_path / "c")
    assert any(m.startswith("the cameras: neither metadata.xml, cameras.pkl nor") for m in dataset.missing)
    with pytest.raises(ValueError, match=r"has no cameras of S9: put Human3\.6M's metadata\.xml"):
        dataset.samples("test")


def test_cameras_are_found_from_both_sides_of_the_projection(tiny: Any, tmp_path: Path) -> None:
    tiny.write_videopose3d(tmp_path, with_metadata=False)
    dataset = recognise(tmp_path)
    assert not any("cameras" in m for m in dataset.missing)
    for sample in dataset.samples("test", stride=3):
        assert sample.camera is not None and sample.frame_id is not None and sample.joints_3d_cam_mm is not None
        truth = tiny.cameras["S9", sample.frame_id.camera].camera
        assert abs(sample.camera.fx - truth.fx) < 1 and abs(sample.camera.cx - truth.cx) < 1
        np.testing.assert_allclose(sample.camera.project(sample.joints_3d_cam_mm), sample.joints_2d_px, atol=0.05)


def test_no_camera_explains_nonsense() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="no camera fits the points"):
        resect(rng.uniform(-900, 900, (300, 3)), rng.uniform(0, 1000, (300, 2)), (1000, 1000))
    with pytest.raises(ValueError, match="99 points are too few"):
        resect(np.zeros((99, 3)), np.ones((99, 2)), (1000, 1000))


def test_both_files_of_cameras_say_the_same(tiny: Any, tmp_path: Path) -> None:
    tiny.write_metadata(tmp_path / "metadata.xml")
    (tmp_path / "cameras.pkl").write_bytes(pickle.dumps(tiny.cameras_as_mmpose()))
    for cameras in (read_metadata(tmp_path / "metadata.xml"), read_cameras_pickle(tmp_path / "cameras.pkl")):
        assert set(cameras) == set(tiny.cameras)
        for key, truth in tiny.cameras.items():
            assert cameras[key].camera == truth.camera
            np.testing.assert_allclose(cameras[key].rotation, truth.rotation, atol=1e-12)
            np.testing.assert_allclose(cameras[key].position_mm, truth.position_mm, atol=1e-9)


def test_a_published_camera(tmp_path: Path) -> None:
    """S1's first camera: its angles, and the axes that the literature has for them."""
    axes = np.array(
        [
            [-0.91536173, 0.40180837, 0.02574754],
            [0.05154812, 0.18037357, -0.98224649],
            [-0.39931903, -0.89778361, -0.18581953],
        ]
    )
    x, y, z, w = 0.1407056450843811, -0.1500701755285263, -0.755240797996521, 0.6223280429840088
    w, x, y, z = x, y, z, w  # camera to world, real part first
    to_world = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    np.testing.assert_allclose(to_world.T, axes, atol=1e-6)  # two sources agree on what is to come out
    values = np.ones(300)
    values[:6] = 1.7578, 0.0257504, -2.7280, 1841.107, 4955.285, 1563.445
    ids = "".join(f"<id>{name}</id>" for name in CAMERA_SIZES_WH)
    (tmp_path / "metadata.xml").write_text(
        f"<m><dbcameras><index2id>{ids}</index2id></dbcameras><w0>[{' '.join(map(str, values))}]</w0></m>"
    )
    camera = read_metadata(tmp_path / "metadata.xml")["S1", "54138969"]
    np.testing.assert_allclose(camera.rotation, axes, atol=2e-3)
    assert camera.to_camera([0, 0, 900])[2] > 4000  # it looks into the room


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("<m>", "is not a valid XML file"),
        ("<m><w0>[1 2 3]</w0></m>", "is not Human3.6M's metadata: it has 3 numbers in w0, not 300, and 0 cameras"),
        ("<m/>", "it has 0 numbers in w0"),
    ],
)
def test_other_metadata(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "metadata.xml").write_text(content)
    with pytest.raises(ValueError, match=complaint):
        read_metadata(tmp_path / "metadata.xml")


def test_other_skeletons(tiny: Any, tmp_path: Path, write_cdf: Callable[[Path, np.ndarray], None]) -> None:
    tiny.write_official(tmp_path / "a")
    write_cdf(tmp_path / "a" / "S1" / "MyPoseFeatures" / MONO / "Directions.54138969.cdf", np.zeros((5, 26, 3)))
    with pytest.raises(ValueError, match=r"Pose has 78 numbers a frame, not 96 for 32 joints in 3D"):
        recognise(tmp_path / "a")
    (tmp_path / "b").mkdir()
    walk = np.array({"S1": {"Walking 1": np.zeros((4, 15, 3), np.float32)}}, dtype=object)
    np.savez(tmp_path / "b" / "data_3d_h36m.npz", positions_3d=walk)
    with pytest.raises(ValueError, match=r"S1 Walking 1 is \(4, 15, 3\), not \(frames, 32 joints, 3\)"):
        recognise(tmp_path / "b")
    tiny.write_mmpose(tmp_path / "c", images=False)
    file = tmp_path / "c" / "annotation_body3d" / "fps50" / "h36m_test.npz"
    content = dict(np.load(file))
    np.savez(file, **content | {"part": content["part"][:, :16]})
    with pytest.raises(ValueError, match=r"h36m_test\.npz: part is \(96, 16, 3\), not \(96, 17, 3\)"):
        recognise(tmp_path / "c")


def test_malicious_files_are_refused(tiny: Any, tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'touched'}",)

    tiny.write_mmpose(tmp_path / "a", images=False)
    (tmp_path / "a" / "annotation_body3d" / "cameras.pkl").write_bytes(pickle.dumps({("S1", "1"): Malicious()}))
    (tmp_path / "b").mkdir()
    np.savez(tmp_path / "b" / "data_3d_h36m.npz", positions_3d=np.array({"S1": Malicious()}, dtype=object))
    for name in "ab":
        with pytest.raises(ValueError, match="wants posix.system to be called, which no data set needs"):
            recognise(tmp_path / name)
    assert not (tmp_path / "touched").exists()


def test_a_half_downloaded_set(tiny: Any, tmp_path: Path) -> None:
    tiny.write_official(tmp_path / "a")
    positions = tmp_path / "a" / "S1" / "MyPoseFeatures" / MONO / "Directions.54138969.cdf"
    positions.write_bytes(positions.read_bytes()[:700])
    with pytest.raises(ValueError, match=r"Directions\.54138969\.cdf is not a valid CDF file"):
        recognise(tmp_path / "a")
    shutil.rmtree(tmp_path / "a" / "S1")
    for subject in ("S8", "S9"):
        shutil.rmtree(tmp_path / "a" / subject / "MyPoseFeatures")
        (tmp_path / "a" / subject / "Videos").mkdir()
    with pytest.raises(ValueError, match=r"holds Human3\.6M's videos but no motion: unpack S1/MyPoseFeatures"):
        recognise(tmp_path / "a")
    tiny.write_videopose3d(tmp_path / "b")
    (tmp_path / "b" / "data_3d_h36m.npz").unlink()
    with pytest.raises(ValueError, match=r"data_2d_h36m_gt\.npz, but not data_3d_h36m\.npz, which is needed too"):
        recognise(tmp_path / "b")
    tiny.write_mmpose(tmp_path / "c")
    shutil.rmtree(tmp_path / "c" / "images" / "S9")
    assert any("96 of 288 images checked, such as images/S9/" in m for m in recognise(tmp_path / "c").missing)
    with pytest.raises(ValueError, match="holds no people of the split test: S9, S11"):
        (tmp_path / "c" / "annotation_body3d" / "fps50" / "h36m_test.npz").unlink()
        recognise(tmp_path / "c").samples("test")


def test_a_sample_without_its_picture_says_so(dataset: DataSet) -> None:
    sample: Sample = next(dataset.samples("test", images=False))
    with pytest.raises(ValueError, match="does not exist, but sample S9_|cannot be read as an image"):
        sample.load_image()


@pytest.mark.parametrize(("layout", "skeleton"), [("h36m", H36M17), ("coco", COCO17), ("mpii", MPII16), (None, H36M17)])
def test_published_detections(layout: str | None, skeleton: Skeleton, tmp_path: Path) -> None:
    views = [np.random.default_rng(c).uniform(0, 999, (3, skeleton.num_joints, 2)).astype(np.float32) for c in range(4)]
    metadata: dict[str, Any] = {"num_joints": skeleton.num_joints} | ({} if layout is None else {"layout_name": layout})
    positions = {"S9": {"Photo 1": views}, "S11": {"Directions": views, "SittingDown": views}}
    file = tmp_path / "data_2d_h36m_x.npz"
    content = {"positions_2d": np.array(positions, dtype=object), "metadata": np.array(metadata, dtype=object)}
    np.savez(file, **content)
    found = dict(read_detections(file))
    assert len(found) == 2 * 4 * 3
    joints = found["S9_Photo_1.55011271_000003"]
    for name in set(H36M17.joint_names) & set(skeleton.joint_names):
        np.testing.assert_array_equal(joints[H36M17.index(name)], views[1][2, skeleton.index(name)])
    assert np.isfinite(joints[H36M17.index("pelvis")]).all()
    metadata["layout_name"] = "humaneva"
    np.savez(file, **content)
    with pytest.raises(ValueError, match="joints of the layout 'humaneva'; known are h36m, coco, mpii"):
        read_detections(file)
    del metadata["layout_name"]
    np.savez(file, **content | {"positions_2d": np.array({"S9": {"Photo": [np.zeros((2, 15, 2))]}}, dtype=object)})
    with pytest.raises(ValueError, match=r"S9 Photo from camera 54138969 is \(2, 15, 2\), not \(frames, 17 joints"):
        list(read_detections(file))


def test_a_missing_package_is_named(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    type(tiny)(takes=("Directions",)).write_official(tmp_path)
    monkeypatch.setitem(sys.modules, "cdflib", None)
    with pytest.raises(ValueError, match=r"CDF files need the package cdflib: pip install 'hourlift\[data\]'"):
        recognise(tmp_path)
