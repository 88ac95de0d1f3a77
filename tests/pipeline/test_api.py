"""`hourlift.lift`: from Python the same poses as from the command line."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

import hourlift
from hourlift.cli import main
from hourlift.geometry.camera import Camera
from hourlift.media.video_writer import VideoWriter

EXIF_50_MM = bytes.fromhex(
    "49492a0008000000020012010300010000000100000069870400010000002600000000000000"  # upright, pointer
    "010005a403000100000032000000" + "00000000"  # focal length as of 35 mm video
)


@pytest.fixture
def predictor(marker_models: tuple[Path, Path]) -> hourlift.PosePredictor:
    return hourlift.PosePredictor(*map(str, marker_models), threads=1)


@pytest.fixture
def options(marker_models: tuple[Path, Path]) -> list[str]:
    return ["--weights", str(marker_models[0]), "--lifter", str(marker_models[1]), "--threads", "1"]


@pytest.fixture(autouse=True)
def sources(tmp_path: Path, figure, monkeypatch: pytest.MonkeyPatch) -> None:
    """photo.jpg, which tells its focal length, and clip.mp4."""
    monkeypatch.chdir(tmp_path)
    image_bgr = cv2.cvtColor(figure.draw((320, 240), (150, 120), 190), cv2.COLOR_RGB2BGR)
    exif = np.frombuffer(EXIF_50_MM, np.uint8)
    photo = cv2.imencodeWithMetadata(".jpg", image_bgr, [cv2.IMAGE_METADATA_EXIF], [exif])[1]
    Path("photo.jpg").write_bytes(photo.tobytes())
    with VideoWriter("clip.mp4", (320, 240), 25) as writer:
        for i in range(8):
            writer.write(figure.draw((320, 240), (140 + 2 * i, 120), 190), i / 25)


@pytest.mark.parametrize("name", ["photo.jpg", "clip.mp4"])
def test_the_same_file_as_from_the_command_line(
    predictor: hourlift.PosePredictor, options: list[str], name: str
) -> None:
    assert main(["predict", name, "-o", "command", *options]) == 0
    result = hourlift.lift(name, "python", predictor=predictor)
    (written,) = result.files
    there = json.loads(Path("command", written.name).read_text())
    assert json.loads(written.read_text()) == there
    for frame, stored in zip(result.frames, there["frames"], strict=True):
        np.testing.assert_allclose(frame.people[0].joints_3d_mm, stored["people"][0]["joints_3d_mm"], atol=0.051)


def test_a_photo_is_seen_through_its_own_camera(predictor: hourlift.PosePredictor) -> None:
    result = hourlift.lift(Path("photo.jpg"), predictor=predictor)
    assert result.files == [] and result.frames[0].people[0].camera.source == "exif"
    assert list(Path.cwd().glob("*")) and not Path("hourlift-output").exists()
    given = hourlift.lift("photo.jpg", predictor=predictor, fov_deg=30.0)
    assert given.frames[0].people[0].root_cam_mm[2] > result.frames[0].people[0].root_cam_mm[2]


def test_many_sources_share_a_predictor(predictor: hourlift.PosePredictor) -> None:
    found = dict(hourlift.lift_many(["*.jpg", "clip.mp4"], "out", predictor=predictor, overlay=True))
    assert [result.num_frames for result in found.values()] == [1, 8]
    assert {path.name for path in Path("out").iterdir()} == {
        *("photo.json", "photo.overlay.jpg", "clip.json", "clip.overlay.mp4"),
    }


def test_many_sources_of_one_name_keep_their_results(predictor: hourlift.PosePredictor) -> None:
    Path("other").mkdir()
    shutil.copy("photo.jpg", "other/photo.jpg")
    found = list(hourlift.lift_many(["photo.jpg", "other"], "out", predictor=predictor, formats=["csv"]))
    assert [label for label, _ in found] == ["photo.jpg", "other/photo.jpg"]
    assert {path.name for path in Path("out").iterdir()} == {"photo.csv", "photo-2.csv"}


def test_no_source_is_overwritten_before_it_is_read(predictor: hourlift.PosePredictor) -> None:
    shutil.copy("clip.mp4", "clip.overlay.mp4")
    with pytest.raises(ValueError, match=r"clip\.overlay\.mp4 would overwrite its own input"):
        list(hourlift.lift_many(["clip.mp4", "clip.overlay.mp4"], ".", predictor=predictor, overlay=True))
    assert not Path("clip.json").exists()


def test_progress_is_reported(predictor: hourlift.PosePredictor) -> None:
    steps: list[tuple[int, int | None]] = []
    hourlift.lift("clip.mp4", predictor=predictor, smooth=False, progress=lambda *step: steps.append(step))
    assert [done for done, _ in steps] == list(range(1, 9))


def test_mistakes_are_said_before_any_work() -> None:
    with pytest.raises(ValueError, match="no such file"):
        hourlift.lift("missing.jpg")
    with pytest.raises(ValueError, match="give one of them"):
        hourlift.lift("photo.jpg", camera=Camera.from_fov((320, 240), 60.0), fov_deg=60.0)
    Path("folder").mkdir()
    for name in ("1.png", "2.png"):
        cv2.imwrite(f"folder/{name}", np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(ValueError, match="lift_many"):
        hourlift.lift("folder")
