"""``hourlift predict`` from files to files."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from hourlift import weights
from hourlift.cli import main
from hourlift.formats.json import load
from hourlift.formats.table import load_poses
from hourlift.geometry.bones import bone_lengths, standing_height
from hourlift.media.images import read_image
from hourlift.media.video import VideoReader
from hourlift.media.video_writer import VideoWriter
from hourlift.pipeline import lifting
from hourlift.pipeline.sinks import page as page_sink
from hourlift.pipeline.summary import Summary


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def models(marker_models: tuple[Path, Path]) -> list[str]:
    return ["--weights", str(marker_models[0]), "--lifter", str(marker_models[1]), "--threads", "1"]


@pytest.fixture
def photo(figure) -> Path:
    return write_photo("photo.png", figure.draw((320, 240), (150, 120), 190))


@pytest.fixture
def clip(figure) -> Path:
    with VideoWriter("clip.mp4", (320, 240), 25) as writer:
        for i in range(10):
            writer.write(figure.draw((320, 240), (140 + 3 * i, 120), 190), i / 25)
    return Path("clip.mp4")


def write_photo(name: str, image_rgb: np.ndarray) -> Path:
    assert cv2.imwrite(name, cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR))
    return Path(name)


def names(folder: str | Path) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_photo(photo: Path, models: list[str], figure, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(photo), "-o", "out", *models]) == 0
    assert names("out") == ["photo.html", "photo.json", "photo.overlay.jpg"]
    document = load("out/photo.json")
    assert (document.header.source, document.header.kind, document.header.fps) == ("photo.png", "photo", None)
    fp32 = {"runtime": "onnxruntime", "precision": "fp32"}
    assert document.header.networks == {stage: {"name": f"marker-{stage}", **fp32} for stage in ("hourglass", "lifter")}
    (person,) = document.frames[0].people
    np.testing.assert_allclose(person.joints_2d_px, figure.joints((150, 120), 190), atol=3)
    overlay = read_image("out/photo.overlay.jpg").image_rgb
    assert overlay.shape == (240, 320, 3)
    assert (cv2.absdiff(overlay, read_image(photo).image_rgb).max(axis=-1) > 60).sum() > 300
    page = Path("out/photo.html").read_text()
    assert "photo.png" in page
    assert "data:image/jpeg;base64," in page
    shown = capfd.readouterr()
    assert shown.err == ""
    assert shown.out.startswith("photo.png: 1 person, confidence 0.")
    assert "m away if the field of view is 60 degrees\n  out/photo.json\n" in shown.out


def test_refined_video_keeps_one_set_of_bones(clip: Path, models: list[str]) -> None:
    lengths = {}
    for option in ([], ["--refine"]):
        assert (
            main(["predict", str(clip), "-o", "out", "--no-overlay", "--no-page", "--no-smooth", *option, *models]) == 0
        )
        people = [person for frame in load("out/clip.json").frames for person in frame.people]
        off_px = [person.camera.project(person.joints_cam_mm) - person.joints_2d_px for person in people]
        assert len(people) == 10 and np.linalg.norm(off_px, axis=-1).mean() < 1.5
        lengths[bool(option)] = np.array([bone_lengths(person.joints_3d_mm[None]) for person in people])
    # the marker lifter's bones are as long as they look, so with noise
    assert lengths[True].std(axis=0).mean() < 0.9 * lengths[False].std(axis=0).mean()


def test_refining_without_scipy_says_what_to_install(
    photo: Path, models: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert main(["predict", str(photo), "--refine", *models]) != 0
    assert capfd.readouterr().err == "hourlift: refining poses needs SciPy: pip install 'hourlift[refine]'\n"


def test_video(clip: Path, models: list[str], figure, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(clip), "-o", "out", *models]) == 0
    assert names("out") == ["clip.html", "clip.json", "clip.overlay.mp4"]
    document = load("out/clip.json")
    assert document.header.fps == pytest.approx(25)
    assert [frame.index for frame in document.frames] == list(range(10))
    for i, frame in enumerate(document.frames):
        expected = figure.joints((140 + 3 * i, 120), 190)
        np.testing.assert_allclose(frame.people[0].joints_2d_px, expected, atol=6)
    with VideoReader("out/clip.overlay.mp4") as video:
        assert video.image_wh == (320, 240)
        assert len(list(video)) == 10
    assert 'data-type="video/mp4"' in Path("out/clip.html").read_text()
    said = capfd.readouterr().out
    assert "clip.mp4: a person in 10 of 10 frames" in said
    assert "upright if the camera is level\n" in said  # 0.4 seconds do not tell


def test_formats(clip: Path, models: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    formats = ["bvh", "glb", "csv", "npz", "trc", "c3d", "coco", "bvh"]
    assert main(["predict", str(clip), "-o", "out", "--no-overlay", "--no-page", *models, "--formats", *formats]) == 0
    assert names("out") == [f"clip.{end}" for end in ("bvh", "c3d", "coco.json", "csv", "glb", "npz", "trc")]
    assert "\n  out/clip.bvh\n  out/clip.glb\n" in capfd.readouterr().out
    assert main(["predict", str(clip), "-o", "out", "--no-overlay", "--no-page", *models]) == 0
    for name in names("out"):
        if name != "clip.json":
            assert main(["convert", "out/clip.json", f"again/{name}"]) == 0
    assert Path("out/clip.bvh").read_text().count("\n") == Path("again/clip.bvh").read_text().count("\n")
    for name in ("clip.npz", "clip.json"):
        assert len(load_poses(f"out/{name}").frames) == 10


def test_formats_that_cannot_say_nobody_are_left_out(models: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    write_photo("nobody.bmp", np.full((60, 80, 3), 128, np.uint8))
    formats = ["--formats", "json", "csv", "bvh", "glb"]
    assert main(["predict", "nobody.bmp", "-o", "out", "--no-overlay", "--no-page", *models, *formats]) == 0
    assert names("out") == ["nobody.csv", "nobody.json"]
    assert capfd.readouterr().err.splitlines() == [
        f"hourlift: out/nobody.{name}: no person is in the frame; the file is not written" for name in ("bvh", "glb")
    ]


def test_a_video_is_smoothed_and_its_gaps_are_filled(figure, models: list[str]) -> None:
    tremble = np.random.default_rng(0).normal(0, 1.5, (40, 2))
    with VideoWriter("clip.mp4", (320, 240), 25) as writer:
        for i in range(40):
            image = figure.draw((320, 240), tuple(np.array([150, 120]) + tremble[i]), 190)
            writer.write(np.full_like(image, 128) if 20 <= i < 24 else image, i / 25)
    assert main(["predict", "clip.mp4", "-o", "raw", "--no-smooth", "--no-page", *models]) == 0
    assert main(["predict", "clip.mp4", "-o", "out", "--no-page", *models]) == 0
    raw, smooth = load("raw/clip.json"), load("out/clip.json")
    assert raw.header.world is None
    assert smooth.header.world is not None
    assert [bool(frame.people) for frame in raw.frames[:25]] == [i < 20 for i in range(25)]  # searched again later
    assert all(len(frame.people) == 1 for frame in smooth.frames)
    pelvis = {
        name: np.array([frame.people[0].joints_2d_px[0] for frame in document.frames[:20]])
        for name, document in (("raw", raw), ("smooth", smooth))
    }
    shaking = {name: np.abs(np.diff(path, 2, axis=0)).mean() for name, path in pelvis.items()}
    assert shaking["smooth"] < shaking["raw"] / 5
    filled, seen = smooth.frames[21].people[0], smooth.frames[19].people[0]
    assert (filled.confidence == 0).all()
    np.testing.assert_allclose(filled.joints_2d_px, seen.joints_2d_px, atol=4)
    with VideoReader("out/clip.overlay.mp4") as video:
        assert len(list(video)) == 40


def test_a_webcam_is_smoothed_as_it_comes(
    figure, models: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tremble = np.random.default_rng(0).normal(0, 1.5, (20, 2))
    with VideoWriter("clip.mp4", (320, 240), 25) as writer:
        for i in range(20):
            writer.write(figure.draw((320, 240), tuple(np.array([150, 120]) + tremble[i]), 190), i / 25)
    monkeypatch.setattr(lifting, "Webcam", lambda _number, _seconds, stop: VideoReader("clip.mp4"))
    shaking = []
    for options in (["--no-smooth"], []):
        assert main(["predict", "webcam:0", "-o", "out", "--no-page", "--no-overlay", *options, *models]) == 0
        document = load("out/webcam-0.json")
        assert document.header.world is None
        path = np.array([frame.people[0].joints_2d_px[0] for frame in document.frames])
        shaking.append(np.abs(np.diff(path, 2, axis=0)).mean())
    assert shaking[1] < shaking[0] / 2
    assert main(["predict", "webcam:0", "-o", "out", "--pitch", "3", *models]) == 2
    assert "webcam:0: --height and --pitch need a whole video; record it first" in capfd.readouterr().err


def test_stature_and_pitch(photo: Path, clip: Path, models: list[str]) -> None:
    options = ["--height", "2m", "--pitch", "20", "--no-overlay"]
    assert main(["predict", str(photo), str(clip), "-o", "out", *options, *models]) == 0
    assert main(["predict", str(photo), str(clip), "-o", "plain", *models]) == 0
    for name in ("photo", "clip"):
        tall, plain = load(f"out/{name}.json"), load(f"plain/{name}.json")
        assert tall.header.world is not None
        assert tall.header.world.pitch_deg == pytest.approx(20, abs=1e-3)
        assert '"source":"given"' in Path(f"out/{name}.html").read_text()
        (person,), (usual,) = tall.frames[0].people, plain.frames[0].people
        assert standing_height(bone_lengths(person.joints_3d_mm[None])) == pytest.approx(2000, rel=0.01)
        np.testing.assert_allclose(
            np.linalg.norm(person.root_cam_mm) / np.linalg.norm(usual.root_cam_mm),
            2000 / standing_height(bone_lengths(usual.joints_3d_mm[None])),
            rtol=0.01,
        )
    assert load("plain/photo.json").header.world is None


def test_folders_mixed_sources_and_one_failure(
    photo: Path, clip: Path, models: list[str], figure, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("more").mkdir()
    write_photo("more/photo.jpg", figure.draw((200, 200), (100, 100), 150))
    write_photo("more/nobody.bmp", np.full((60, 80, 3), 128, np.uint8))
    Path("more/text.jpg").write_text("hello")
    status = main(["predict", str(photo), "more", str(clip), "missing.png", "-o", "out/deep", *models])
    assert status == 1
    assert [n for n in names("out/deep") if n.endswith(".json")] == [
        *("clip.json", "nobody.json", "photo-2.json", "photo.json")
    ]
    assert load("out/deep/photo-2.json").header.image_wh == (200, 200)
    assert load("out/deep/nobody.json").frames[0].people == []
    shown = capfd.readouterr()
    assert shown.err.splitlines() == [
        "hourlift: missing.png: no such file or folder",
        "hourlift: more/text.jpg: this is not a JPEG, PNG, WebP, BMP, TIFF, JPEG 2000, AVIF or HEIF image",
    ]
    assert "more/nobody.bmp: no person found\n" in shown.out
    assert shown.out.endswith("4 of 6 sources done\n")


def test_all_failed_is_status_two(models: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    Path("a.jpg").write_text("hello")
    Path("b.mp4").touch()
    assert main(["predict", "a.jpg", "b.mp4", "-o", "out", *models]) == 2
    assert capfd.readouterr().err.count("\n") == 2
    assert names("out") == []


def bad_sources(figure) -> dict[str, bytes]:
    good = cv2.imencode(".jpg", figure.draw((320, 240), (150, 120), 190))[1].tobytes()
    with VideoWriter("good.mp4", (64, 48), 25) as writer:
        for i in range(20):
            writer.write(np.full((48, 64, 3), 10 * i, np.uint8), i / 25)
    video = Path("good.mp4").read_bytes()
    huge = cv2.imencode(".png", np.zeros((2, 2, 3), np.uint8))[1].tobytes()
    huge = huge[:16] + (30_000).to_bytes(4, "big") * 2 + huge[24:]
    return {
        "empty.jpg": b"",
        "text.jpg": b"not an image",
        "cut.jpg": good[: len(good) // 2],
        "huge.png": huge,
        "empty.mp4": b"",
        "text.mp4": b"not a video",
        "cut.mp4": video[: video.index(b"mdat") + 8],
        "text": b"neither",
        "damaged.tif": b"II*\0\x08\0\0\0\x02\0" + b"\x07" * 40,
    }


@pytest.mark.parametrize(
    "name",
    ["empty.jpg", "text.jpg", "cut.jpg", "huge.png", "empty.mp4", "text.mp4", "cut.mp4", "text", "damaged.tif"],
)
def test_bad_input_is_one_line_that_names_the_file(
    figure, models: list[str], name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path(name).write_bytes(bad_sources(figure)[name])
    assert main(["predict", name, "-o", "out", *models]) == 2
    shown = capfd.readouterr()
    assert shown.err.startswith(f"hourlift: {name}: ")
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert names("out") == []


def test_pictures_of_every_kind_go_through(models: list[str], figure) -> None:
    image = figure.draw((320, 240), (150, 120), 190)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    cv2.imwrite("dot.png", bgr[:1, :1])
    cv2.imwrite("grey.png", bgr[..., 0])
    cv2.imwrite("deep.png", bgr.astype(np.uint16) * 257)
    cv2.imwrite("alpha.png", np.dstack([bgr, bgr[..., 0]]))
    Path("cmyk.jpg").write_bytes((Path(__file__).parents[1] / "predict" / "data" / "cmyk.jpg").read_bytes())
    assert main(["predict", "*.png", "cmyk.jpg", "-o", "out", "--no-page", *models]) == 0
    for name, count in (("dot", 0), ("grey", 0), ("deep", 1), ("alpha", 1), ("cmyk", 0)):
        assert len(load(f"out/{name}.json").frames[0].people) == count, name


def test_a_truncated_video_is_done_as_far_as_it_goes(
    models: list[str], figure, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0)
    image = figure.draw((320, 240), (150, 120), 190)
    with VideoWriter("clip.mp4", (320, 240), 25) as writer:
        for i in range(30):
            image[:, 260:] = noise.integers(100, 156, (240, 60, 3))  # so that every frame takes up some bytes
            writer.write(image, i / 25)
    data = Path("clip.mp4").read_bytes()
    Path("clip.mp4").write_bytes(data[: len(data) * 2 // 3])
    assert main(["predict", "clip.mp4", "-o", "out", *models]) == 0
    shown = capfd.readouterr()
    assert shown.err.startswith("hourlift: clip.mp4: the video is cut off or damaged; ")
    assert shown.err.count("\n") == 1
    frames = load("out/clip.json").frames
    assert 3 < len(frames) < 28
    assert f"a person in {len(frames)} of {len(frames)} frames" in shown.out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--box", "900", "10", "950", "60"], "photo.png: box [900.0, 10.0, 950.0, 60.0] lies outside the image"),
        (["--box", "nan", "10", "50", "60"], "photo.png: box [nan, 10.0, 50.0, 60.0] holds a value that is not finite"),
        (["--fov", "0"], "--fov must be above 0"),
        (["--fov", "60", "--camera", "c.json"], "--fov and --camera both describe the camera"),
        (["--camera", "missing.json"], "missing.json: No such file"),
        (["--camera", "photo.png"], "photo.png: a camera file ends in .json or .toml"),
        (["--height", "1.78"], "--height is a number with its unit, such as 1.78m"),
        (["--height", "178m"], "--height '178m' is 178.00 m; people are between 0.4 and 2.8 m tall"),
        (["--pitch", "100"], "--pitch must be at most 90"),
        (["--seconds", "-1"], "--seconds must be above 0"),
        (["--formats", "bvh", "--json", "-"], "--json - writes no files; name a folder for --formats with --out"),
        (["--threads", "0"], "--threads must be at least 1"),
        (["--weights", "no-such-model"], "there is no model 'no-such-model'"),
        (["--weights", "missing.onnx"], "missing.onnx"),
        (["--out", "photo.png"], "photo.png would overwrite its own input photo.png"),
        (["--out", "photo.png/deeper"], "photo.png/deeper: no results can be written to this folder (Not a directory)"),
        (["--out", "/proc/here"], "/proc/here: no results can be written to this folder"),
    ],
)
def test_bad_options_are_one_line(
    photo: Path, models: list[str], options: list[str], complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(photo), *models, *options]) == 2
    error = capfd.readouterr().err
    assert error.startswith(f"hourlift: {complaint}")
    assert error.count("\n") == 1


def test_a_model_with_a_wrong_hash(
    photo: Path, marker_models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("mine.onnx").write_bytes(marker_models[0].read_bytes())
    entry = {"file": "mine.onnx", "sha256": "0" * 64, "kind": "hourglass"}
    Path("manifest.json").write_text(json.dumps({"mine": entry}))
    real_path = weights.path
    monkeypatch.setattr(weights, "path", lambda name: real_path(name, Path.cwd()))
    assert main(["predict", str(photo), "--weights", "mine", "-o", "out"]) == 2
    error = capfd.readouterr().err
    assert "mine.onnx is damaged: its SHA-256" in error
    assert error.count("\n") == 1


def test_no_sources_and_empty_folders(models: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert main(["predict", *models]) == 2
    assert main(["predict", "empty", *models]) == 2
    first, second = capfd.readouterr().err.splitlines()
    assert first.startswith("hourlift: name at least one photo, video, folder or webcam")
    assert second == "hourlift: empty: this folder holds no images or videos"
    assert names(".") == ["empty"]


def test_json_to_standard_output(photo: Path, models: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(photo), "--json", "-", *models]) == 0
    shown = capfd.readouterr()
    assert json.loads(shown.out)["source"] == "photo.png"
    assert shown.err.startswith("photo.png: 1 person")
    assert names(".") == ["photo.png"]
    assert main(["predict", str(photo), "--json", "-", "-o", "out", "--no-overlay", *models]) == 0
    assert json.loads(capfd.readouterr().out) == json.loads(Path("out/photo.json").read_text())
    assert names("out") == ["photo.html", "photo.json"]


def test_options_reach_the_predictor(photo: Path, clip: Path, models: list[str], figure) -> None:
    boxes = ["--box", "50", "10", "260", "230", "--box", "-5", "0", "300", "300"]
    options = [*boxes, "--fov", "40", "--flip-test", "--no-overlay", "--no-page"]
    assert main(["predict", str(photo), "-o", "out", *options, *models]) == 0
    assert names("out") == ["photo.json"]
    people = load("out/photo.json").frames[0].people
    np.testing.assert_allclose([p.box_xyxy_px for p in people], [[50, 10, 260, 230], [-5, 0, 300, 300]])
    assert people[0].camera.fx == pytest.approx(160 / np.tan(np.radians(20)))
    assert people[0].camera.source == "given"

    camera = {"fx": 700, "fy": 700, "cx": 320, "cy": 240, "image_wh": [640, 480]}
    Path("camera.json").write_text(json.dumps(camera))
    assert main(["predict", str(clip), "-o", "out", "--camera", "camera.json", "--seconds", "0.2", *models]) == 0
    document = load("out/clip.json")
    assert len(document.frames) == 5
    assert document.frames[0].people[0].camera.fx == pytest.approx(350)


def test_exif_makes_the_camera_and_turns_the_picture(models: list[str], figure) -> None:
    block = bytes.fromhex(
        "49492a0008000000020012010300010000000600000069870400010000002600000000000000"  # orientation 6, pointer
        "010005a403000100000034000000" + "00000000"  # 52 mm
    )
    upright = cv2.cvtColor(figure.draw((240, 320), (120, 160), 230), cv2.COLOR_RGB2BGR)
    stored = np.ascontiguousarray(np.rot90(upright))  # a sensor on its side
    quality = [cv2.IMWRITE_JPEG_QUALITY, 98, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    exif = np.frombuffer(block, np.uint8)
    data = cv2.imencodeWithMetadata(".jpg", stored, [cv2.IMAGE_METADATA_EXIF], [exif], quality)[1]
    Path("phone.jpg").write_bytes(data.tobytes())
    assert main(["predict", "phone.jpg", "-o", "out", *models]) == 0
    document = load("out/phone.json")
    assert document.header.image_wh == (240, 320)
    assert document.header.camera.source == "exif"
    assert document.header.camera.fx == pytest.approx(52 * 400 / np.hypot(36, 24))
    np.testing.assert_allclose(document.frames[0].people[0].joints_2d_px, figure.joints((120, 160), 230), atol=4)


def test_a_result_that_fails_costs_no_other(
    photo: Path, clip: Path, models: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(page_sink, "write_page", broken)
    monkeypatch.setattr(VideoWriter, "write", broken)
    assert main(["predict", str(photo), str(clip), "-o", "out", "--formats", "json", "csv", *models]) == 1
    assert capfd.readouterr().err.splitlines() == [
        "hourlift: photo.png: the page could not be written: Input/output error",
        "hourlift: clip.mp4: the overlay could not be written: Input/output error",
        "hourlift: clip.mp4: the page could not be written: Input/output error",
    ]
    assert names("out") == ["clip.csv", "clip.json", "photo.csv", "photo.json", "photo.overlay.jpg"]
    assert len(load("out/clip.json").frames) == 10


def test_a_later_run_keeps_the_results_of_another_source(
    photo: Path, models: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    for folder in ("a", "b"):
        Path(folder).mkdir()
        (Path(folder) / "same.png").write_bytes(photo.read_bytes())
    options = ["-o", "all", "--no-page", "--no-overlay", *models]
    assert main(["predict", "a/same.png", *options]) == main(["predict", "b/same.png", *options]) == 0
    assert names("all") == ["same-2.json", "same.json"]
    assert "b/same.png: all/same.json belongs to another source;" in capfd.readouterr().err
    ids = {load(f"all/{name}").header.source_id for name in names("all")}
    assert len(ids) == 2
    assert main(["predict", "a/same.png", *options]) == main(["predict", "b/same.png", *options]) == 0
    assert names("all") == ["same-2.json", "same.json"]  # each replaces its own


def test_ctrl_c_leaves_what_was_done(
    clip: Path, models: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found = lifting._Lifting._found

    def interrupted(*arguments):
        for number, shot in enumerate(found(*arguments)):
            yield shot
            if number == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(lifting._Lifting, "_found", interrupted)
    assert main(["predict", str(clip), "photo.png", "-o", "out", "--formats", "json", "csv", *models]) == 143
    assert set(names("out")) >= {"clip.json", "clip.csv"}
    assert not any("overlay" in name or "part" in name for name in names("out"))
    document = load("out/clip.json")
    assert document.header.incomplete == "interrupted"
    assert 4 <= len(document.frames) < 10
    shown = capfd.readouterr()
    assert shown.err.splitlines()[-2:] == ["hourlift: clip.mp4: incomplete: interrupted", "hourlift: terminated"]


class Camera:
    """A camera that ends as told after three images."""

    def __init__(self, ending: object) -> None:
        self.ending, self.left = ending, 3

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        if self.left >= 0:
            return True, np.full((240, 320, 3), 90, np.uint8)
        if isinstance(self.ending, Exception):
            raise self.ending
        return self.ending

    def get(self, _prop: int) -> float:
        return float("nan")

    def release(self) -> None:
        pass


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ((False, None), "the camera stopped sending images"),
        ((True, None), "the camera stopped sending images"),
        ((True, np.zeros((0, 0, 3), np.uint8)), "the camera stopped sending images"),
        (cv2.error("device gone"), "the camera stopped sending images"),
        ((True, np.zeros((200, 320, 3), np.uint8)), "the camera changed from 320 x 240 to 320 x 200 pixels"),
    ],
)
def test_a_camera_that_vanishes_leaves_what_was_seen(
    ending: object,
    said: str,
    models: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", lambda _number: Camera(ending))
    assert main(["predict", "webcam:0", "-o", "out", "--no-page", *models]) == 1
    document = load("out/webcam-0.json")
    assert len(document.frames) == 2  # the first image told the size
    assert said in document.header.incomplete
    assert document.header.fps == 30
    assert f"hourlift: webcam:0: {said}" in capfd.readouterr().err


def test_spread_stays_with_photos_and_unsmoothed_videos(photo: Path, clip: Path, models: list[str]) -> None:
    """By the shipped lifter, which tells it; who is made taller is off by more millimetres, too."""
    spread_mm = {}
    for tall in ("1.5m", "2m"):
        options = ["-o", tall, "--no-smooth", "--height", tall, *models[:2]]
        assert main(["predict", str(photo), str(clip), *options]) == 0
        for name in ("photo", "clip"):
            spread_mm[tall, name] = load(f"{tall}/{name}.json").frames[0].people[0].spread_mm
    for name in ("photo", "clip"):
        assert (spread_mm["1.5m", name][1:] > 0).all()
        np.testing.assert_allclose(spread_mm["2m", name], spread_mm["1.5m", name] * 2 / 1.5, atol=0.2)


def test_long_videos_are_thinned_for_the_page_only(
    clip: Path, models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_sink, "MAX_FRAMES", 4)
    assert main(["predict", str(clip), "-o", "out", "--no-page", *models]) == 0
    document = load("out/clip.json")
    assert len(document.frames) == 10
    sink, kept = page_sink.PageSink(Path("out/clip.html"), None, is_photo=False), Summary()
    sink.open(document.header)
    for frame in document.frames:
        sink.write(None, frame)
        kept.add(frame)
    assert [frame.index for frame in sink.frames] == [0, 4, 8]
    assert sink.stride == 4
    assert (kept.num_frames, kept.num_found) == (10, 10)
    sink.close(document)
    assert Path("out/clip.html").exists()


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["predict", "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert "hourlift predict webcam:0 --seconds 20 -o live" in shown
    for option in (
        "--height",
        "--pitch",
        "--no-smooth",
        "--box",
        "--fov",
        "--camera",
        "--no-overlay",
        "--no-page",
        "--device",
        "--threads",
        "--json",
    ):
        assert option in shown


def test_as_a_program(photo: Path, models: list[str]) -> None:
    program = [sys.executable, "-m", "hourlift"]
    done = subprocess.run([*program, "predict", str(photo), *models], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert names("hourlift-output") == ["photo.html", "photo.json", "photo.overlay.jpg"]


def test_side_by_side(photo: Path, clip: Path, models: list[str]) -> None:
    assert main(["predict", str(photo), str(clip), "-o", "out", "--side-by-side", "--no-page", *models]) == 0
    assert [name for name in names("out") if "side" in name] == ["clip.side-by-side.mp4", "photo.side-by-side.jpg"]
    assert read_image("out/photo.side-by-side.jpg").image_rgb.shape == (240, 320 + 216, 3)
    with VideoReader("out/clip.side-by-side.mp4") as video:
        assert video.image_wh == (320 + 216, 240)
        assert len(list(video)) == 10
    assert main(["predict", "out", "-o", "again", *models]) == 2, "its own results are no sources"


def test_rerun(photo: Path, clip: Path, models: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rerun")
    options = ["--viewer", "rerun", "--no-page", "--no-overlay", *models]
    assert main(["predict", str(clip), "-o", "out", *options, "--rrd", "clip.rrd"]) == 0
    assert main(["predict", str(photo), "-o", "out", *options, "--rrd", "photo.rrd"]) == 0
    out = capfd.readouterr().out
    for name in ("clip.rrd", "photo.rrd"):
        assert Path(name).read_bytes()[:4] == b"RRF2" and f"\n  {name}\n" in out
    assert main(["predict", str(photo), str(clip), *options, "--rrd", "both.rrd"]) == 2
    assert main(["predict", str(photo), *models, "--rrd", "a.rrd"]) == 2
    errors = capfd.readouterr().err.splitlines()
    assert errors == ["hourlift: --rrd FILE.rrd goes with --viewer rerun and one photo, video or webcam"] * 2


def test_rerun_that_is_not_installed(
    photo: Path, models: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    assert main(["predict", str(photo), "--viewer", "rerun", "-o", "out", *models]) == 2
    assert capfd.readouterr().err == "hourlift: --viewer rerun needs the package rerun: pip install 'hourlift[view]'\n"
    assert not Path("out").exists()
