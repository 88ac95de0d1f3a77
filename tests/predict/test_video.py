"""Videos upright and in time, whatever is in the file."""

import logging
import os
import signal
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from hourlift import PosePredictor
from hourlift.media import webcam as webcam_module
from hourlift.media.kinds import kind_of
from hourlift.media.video import VideoReader
from hourlift.media.video_writer import VideoWriter
from hourlift.media.webcam import Webcam

RED, GREEN, BLUE, WHITE = (200, 30, 40), (30, 170, 60), (40, 50, 200), (240, 240, 240)


def quarters(image_wh: tuple[int, int]) -> np.ndarray:
    """Red and green above blue and white."""
    width, height = image_wh
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = BLUE, WHITE
    return image


def corners(image: np.ndarray) -> list[np.ndarray]:
    return [image[8, 8], image[8, -9], image[-9, 8], image[-9, -9]]


def write_clip(path: Path, times_s: list[float], image_wh: tuple[int, int] = (64, 48)) -> Path:
    """A clip of our own writer; each frame is a little brighter than the last."""
    with VideoWriter(path, image_wh, 25) as writer:
        for i, time_s in enumerate(times_s):
            writer.write(np.full((image_wh[1], image_wh[0], 3), 40 + 4 * i, np.uint8), time_s)
    return path


def encode_clip(
    path: Path, image: np.ndarray, codec: str = "libx264", pixels: str = "yuv420p", count: int = 6, **stream_fields
) -> Path:
    """A clip of another program: any codec, container, rotation flag or shape of pixels."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = pixels
        rotation = stream_fields.pop("rotation", None)
        if rotation is not None:
            if not hasattr(stream.codec_context, "set_display_rotation"):
                pytest.skip("this PyAV reads a rotation flag, but cannot write one")
            stream.set_display_rotation(rotation)
        for name, value in stream_fields.items():
            setattr(stream.codec_context, name, value)
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read_all(path: Path) -> tuple[list[float], list[np.ndarray]]:
    with VideoReader(path) as reader:
        frames = list(reader)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    return [frame.time_s for frame in frames], [frame.image_rgb for frame in frames]


def test_round_trip(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", [i / 25 for i in range(20)])
    with VideoReader(path) as reader:
        assert reader.image_wh == (64, 48)
        assert reader.fps == pytest.approx(25)
        assert reader.num_frames == 20
        frames = list(reader)
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(20) / 25, atol=1e-4)
    np.testing.assert_allclose([f.image_rgb.mean() for f in frames], 40 + 4 * np.arange(20), atol=3)


def test_what_is_written_plays_in_browsers(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "odd.part", [0.0, 0.1], image_wh=(65, 49))
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.width, context.height) == (66, 50)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # it starts before all of it has come


def test_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times_s = [0.0, 0.04, 0.08, 0.5, 0.52, 1.7, 1.75]
    read_s, images = read_all(write_clip(tmp_path / "vfr.mp4", times_s))
    np.testing.assert_allclose(read_s, times_s, atol=1e-3)
    np.testing.assert_allclose([i.mean() for i in images], 40 + 4 * np.arange(7), atol=3)


def test_a_growing_film_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    """Copied while it is written, as a crash would leave it."""
    with VideoWriter(tmp_path / "a.mp4", (64, 48), 25, growing=True) as writer:
        for i in range(150):
            writer.write(np.full((48, 64, 3), i, np.uint8), i / 25)
        (tmp_path / "crash.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())
    with VideoReader(tmp_path / "crash.mp4") as video:
        assert len(list(video)) >= 50
    with VideoReader(tmp_path / "a.mp4") as video:
        assert [shot.time_s for shot in video] == pytest.approx([i / 25 for i in range(150)])


def test_the_default_track_is_shown_and_rates_are_those_of_the_time_stamps(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "two.mkv"), "w") as container:
        streams = []
        for side in (96, 32):
            stream = container.add_stream("mpeg4", rate=1000)  # no video has that
            stream.width = stream.height = side
            stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 1000)
            streams.append(stream)
        default = av.stream.Disposition.default
        streams[1].disposition = getattr(default, "value", default)  # PyAV 17 takes a number
        for i in range(5):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(np.zeros((stream.height, stream.width, 3), np.uint8), format="rgb24")
                frame.pts, frame.time_base = 40 * i, Fraction(1, 1000)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    with VideoReader(tmp_path / "two.mkv") as video:
        assert video.image_wh == (32, 32)
        assert video.fps == pytest.approx(25, rel=0.01)
        assert len(list(video)) == 5


@pytest.mark.parametrize("suffix", [".gif", ".avif"])
def test_all_frames_of_animated_images(tmp_path: Path, suffix: str) -> None:
    animation = cv2.Animation()
    animation.frames = [np.full((64, 96, 3), grey, np.uint8) for grey in (20, 120, 220)]
    animation.durations = [100] * 3
    assert cv2.imwriteanimation(str(tmp_path / f"a{suffix}"), animation)
    assert kind_of(tmp_path / f"a{suffix}") == "video"
    with VideoReader(tmp_path / f"a{suffix}") as video:
        np.testing.assert_allclose([frame.image_rgb.mean() for frame in video], [20, 120, 220], atol=4)


@pytest.mark.parametrize("damage", [0, 300])
def test_damaged_frames_are_counted_and_marked(tmp_path: Path, damage: int, caplog: pytest.LogCaptureFixture) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8)
    image = np.repeat(np.repeat(noise, 8, axis=0), 8, axis=1)
    with VideoWriter(tmp_path / "a.mp4", (192, 192), 25) as writer:
        for i in range(40):
            writer.write(np.roll(image, 3 * i, axis=(0, 1)), i / 25)
    data = bytearray((tmp_path / "a.mp4").read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    for place in range(middle, middle + damage, 30):
        data[place] ^= 0x55
    (tmp_path / "b.mp4").write_bytes(bytes(data))
    with VideoReader(tmp_path / "b.mp4") as video:
        damaged = [shot.damaged for shot in video]
    assert any(damaged) == bool(damage)
    assert ("frames are damaged" in caplog.text) == bool(damage)


@pytest.mark.parametrize("image_wh", [(1, 1), (16, 3), (16_384, 64)])
@pytest.mark.parametrize("fps", [0.0001, 1e6])
def test_odd_sizes_and_rates(tmp_path: Path, image_wh: tuple[int, int], fps: float) -> None:
    with VideoWriter(tmp_path / "a.mp4", image_wh, fps) as writer:
        writer.write(np.zeros((image_wh[1], image_wh[0], 3), np.uint8), 0.0)
        writer.write(np.zeros((image_wh[1], image_wh[0], 3), np.uint8), 0.5)
    read_s, _ = read_all(tmp_path / "a.mp4")
    np.testing.assert_allclose(read_s, [0.0, 0.5], atol=1e-3)


def test_more_than_h264_can_hold(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="a video of 20000 x 64 pixels cannot be written as H.264"),
        VideoWriter(tmp_path / "a.mp4", (20_000, 64), 25) as writer,
    ):
        writer.write(np.zeros((64, 20_000, 3), np.uint8), 0.0)


def test_frames_of_one_time_stay_apart(tmp_path: Path) -> None:
    read_s, _ = read_all(write_clip(tmp_path / "same.mp4", [0.0, 0.0, 0.0, 0.1]))
    assert len(read_s) == 4


@pytest.mark.parametrize(
    ("rotation", "expected"),
    [
        (0, (RED, GREEN, BLUE, WHITE)),
        (90, (GREEN, WHITE, RED, BLUE)),  # counter-clockwise
        (180, (WHITE, BLUE, GREEN, RED)),
        (-90, (BLUE, RED, WHITE, GREEN)),  # a phone held upright
    ],
)
def test_rotation_flag(tmp_path: Path, rotation: int, expected: tuple) -> None:
    path = encode_clip(tmp_path / "turned.mp4", quarters((96, 64)), rotation=rotation)
    with VideoReader(path) as reader:
        assert reader.image_wh == ((64, 96) if rotation % 180 else (96, 64))
        images = [frame.image_rgb for frame in reader]
    assert images[0].shape[:2] == reader.image_wh[::-1]
    np.testing.assert_allclose(corners(images[-1]), expected, atol=12)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.mkv", "ffv1", "yuv444p"),
        ("a.mov", "mjpeg", "yuvj422p"),
        ("a.mpg", "mpeg2video", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.mp4", "libx264", "yuv420p10le"),
    ],
)
def test_codecs_and_containers(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    times_s, images = read_all(encode_clip(tmp_path / name, quarters((96, 64)), codec, pixels))
    assert len(images) == 6
    np.testing.assert_allclose(corners(images[3]), (RED, GREEN, BLUE, WHITE), atol=14)
    np.testing.assert_allclose(times_s, np.arange(6) / 25, atol=0.002)


def test_pixels_that_are_not_square_become_square(tmp_path: Path) -> None:
    path = encode_clip(tmp_path / "wide.mp4", quarters((96, 64)), sample_aspect_ratio=Fraction(4, 3))
    with VideoReader(path) as reader:
        assert reader.image_wh == (128, 64)
        assert next(iter(reader)).image_rgb.shape == (64, 128, 3)


def test_a_video_cut_off_gives_what_is_there_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    noise = np.random.default_rng(0)
    path = tmp_path / "cut.mp4"
    with VideoWriter(path, (64, 48), 25) as writer:
        for i in range(50):
            writer.write(noise.integers(0, 255, (48, 64, 3)).astype(np.uint8), i / 25)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with caplog.at_level(logging.WARNING, logger="hourlift"):
        times_s, _ = read_all(path)
    assert 20 < len(times_s) < 45
    (message,) = caplog.messages
    assert message.startswith(f"{path}: the video is cut off or damaged; {len(times_s)} frames, 1.")
    assert message.endswith("s of 2.0 s, could be read")


def test_a_whole_video_is_no_cause_for_warnings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, codec in (("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.webm", "libvpx-vp9")):
        read_all(encode_clip(tmp_path / name, quarters((96, 64)), codec, count=30))
    read_all(write_clip(tmp_path / "vfr.mp4", [0, 0.04, 0.5, 0.9]))
    assert caplog.messages == []


def test_a_video_that_starts_late_is_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Matroska's duration counts from zero, not from the first frame."""
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for i in range(10):
            frame = av.VideoFrame.from_ndarray(quarters((96, 64)), format="rgb24")
            frame.pts, frame.time_base = 25 * 60 + i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoReader(path) as reader:
        assert reader.num_frames == 10
        np.testing.assert_allclose([frame.time_s for frame in reader], np.arange(10) / 25, atol=0.002)
        assert reader.incomplete is None
    assert caplog.messages == []


def test_frames_of_another_shape_keep_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    parts = [encode_clip(tmp_path / f"{i}.ts", quarters(wh)) for i, wh in enumerate([(96, 64), (64, 96)])]
    (tmp_path / "joined.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    _, images = read_all(tmp_path / "joined.ts")
    assert {image.shape for image in images} == {(64, 96, 3)}
    inside = images[-1][:, 27:69]  # 64 x 96 pixels at two thirds
    np.testing.assert_allclose(corners(inside), (RED, GREEN, BLUE, WHITE), atol=14)
    assert images[-1][:, :26].max() == images[-1][:, 70:].max() == 0
    changed = "the frames change from 96 x 64 to 64 x 96 pixels; they are fitted into the first size"
    assert f"{tmp_path / 'joined.ts'}: {changed}" in caplog.messages


def test_a_stream_without_time_stamps_is_read_with_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    times_s, images = read_all(encode_clip(tmp_path / "a.h264", quarters((96, 64))))
    np.testing.assert_allclose(times_s, np.arange(6) / 25, atol=0.002)
    np.testing.assert_allclose(corners(images[3]), (RED, GREEN, BLUE, WHITE), atol=14)
    assert caplog.messages == [f"{tmp_path / 'a.h264'}: this file has no time stamps; 25 frames/s are assumed"]


def test_files_that_are_no_videos(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", [i / 25 for i in range(30)]).read_bytes()
    bad = {
        "text.mp4": b"this is no video, whatever the name says",
        "cut.mp4": whole[: whole.index(b"moov") + 60],
        "no-frame.mp4": whole[: whole.index(b"mdat") + 8],
    }
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(
            ValueError,
            match=f"{name}: (this is not a video that can be opened|no frame of this|this file holds no video)",
        ):
            VideoReader(tmp_path / name)
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(ValueError, match="empty.mp4: the file is empty"):
        VideoReader(tmp_path / "empty.mp4")
    with pytest.raises(FileNotFoundError):
        VideoReader(tmp_path / "missing.mp4")


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44_100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(ValueError, match="song.m4a: this file holds no video"):
        VideoReader(path)


def test_predict_video_follows_and_is_in_time(predictor: PosePredictor, figure, tmp_path: Path) -> None:
    path, times_s = tmp_path / "walk.mp4", [0.0, 0.04, 0.08, 0.3, 0.34]
    with VideoWriter(path, (320, 240), 25) as writer:
        for i, time_s in enumerate(times_s):
            writer.write(figure.draw((320, 240), (140.0 + 8 * i, 120.0), 190), time_s)
    frames = list(predictor.predict_video(path))
    np.testing.assert_allclose([f.time_s for f in frames], times_s, atol=1e-3)
    for i, frame in enumerate(frames):
        expected = figure.joints((140.0 + 8 * i, 120.0), 190)
        np.testing.assert_allclose(frame.people[0].joints_2d_px, expected, atol=6)


class FakeCapture:
    """Stands in for cv2.VideoCapture: five grey images, then Ctrl-C or the end."""

    def __init__(self, number: int, interrupt: bool = False) -> None:
        self.number, self.count, self.interrupt = number, 0, interrupt

    def read(self) -> tuple[bool, np.ndarray | None]:
        if self.number != 0 or (self.count == 6 and not self.interrupt):
            return False, None
        self.count += 1
        if self.count == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return True, np.full((48, 64, 3), (10, 20, 30), np.uint8)

    def get(self, _property: int) -> float:
        return 0.0

    def release(self) -> None:
        self.number = -1


def test_webcam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webcam_module.cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(os, "kill", lambda *_: None)
    with Webcam(0) as camera:
        frames = list(camera)
    assert camera.image_wh == (64, 48)
    assert camera.fps == 30  # the camera did not say
    assert len(frames) == 5
    assert frames[0].image_rgb[0, 0].tolist() == [30, 20, 10]
    assert (np.diff([frame.time_s for frame in frames]) >= 0).all()
    with pytest.raises(ValueError, match="webcam:7: no camera can be opened"):
        Webcam(7)


def test_ctrl_c_ends_a_webcam_in_good_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webcam_module.cv2, "VideoCapture", lambda number: FakeCapture(number, interrupt=True))
    handler = signal.getsignal(signal.SIGINT)
    with Webcam(0) as camera:
        frames = list(camera)
    assert len(frames) == 5
    assert signal.getsignal(signal.SIGINT) is handler


def test_webcam_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webcam_module.cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(os, "kill", lambda *_: None)
    clock = iter([0.0, 0.1, 0.2, 0.3])
    monkeypatch.setattr(webcam_module.time, "monotonic", lambda: next(clock))
    with Webcam(0, seconds=0.25) as camera:
        assert len(list(camera)) == 2


def test_metadata_in_another_encoding_is_no_reason_to_refuse_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", metadata_encoding="latin-1") as container:
        container.metadata["title"] = "Übung"
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        container.mux(stream.encode())
    assert b"\xdcbung" in path.read_bytes()
    with VideoReader(path) as video:
        assert len(list(video)) == 3
