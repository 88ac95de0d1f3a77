"""Live images: the newest wins, and every end is a clean one."""

import threading
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

from hourlift.media.live import LiveReport, LiveShot, Newest, PacedVideo, run_live
from hourlift.media.timed import TimedImage
from hourlift.media.webcam import CameraLostError, Webcam
from hourlift.pose import PoseFrame

BLANK = np.zeros((4, 6, 3), np.uint8)


class FakeSource:
    """Images at an even rate; after the last one whatever ``end`` does."""

    image_wh = (6, 4)
    patience_s = 5.0

    def __init__(self, count: int, fps: float, end: Callable[[threading.Event], None] = lambda stop: None) -> None:
        self.count, self.fps, self._end = count, fps, end

    def frames(self, stop: threading.Event) -> Iterator[TimedImage]:
        for i in range(self.count):
            if stop.wait(1 / self.fps):
                return
            yield TimedImage(i, i / self.fps, BLANK)
        self._end(stop)


class Screen:
    """Remembers what was shown."""

    def __init__(self, pause_s: float = 0) -> None:
        self.indices: list[int] = []
        self._pause_s = pause_s

    def __call__(self, shot: LiveShot, report: LiveReport) -> None:
        assert shot.frame.index == shot.image.index
        time.sleep(self._pause_s)
        self.indices.append(shot.image.index)


def predicting(pause_s: float = 0) -> Callable[..., PoseFrame]:
    def predict(index: int, time_s: float, image_rgb: np.ndarray) -> PoseFrame:
        time.sleep(pause_s)
        return PoseFrame(index=index, time_s=time_s)

    return predict


def raising(error: BaseException) -> Callable[..., None]:
    def act(*_: object) -> None:
        raise error

    return act


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_the_slot_keeps_the_newest() -> None:
    slot: Newest[int] = Newest()
    assert slot.take(0) is None and not slot.ended
    slot.put(1)
    slot.put(2)
    assert slot.take(0) == 2
    assert slot.take(0) is None
    slot.put(3)
    slot.close()
    assert not slot.ended and slot.take(10) == 3
    assert slot.ended and slot.take(10) is None


def test_a_fast_predictor_shows_every_picture() -> None:
    screen = Screen()
    report = run_live(FakeSource(10, fps=40), predicting(), screen)
    assert screen.indices == list(range(10))
    assert (report.captured, report.predicted, report.shown, report.lost) == (10, 10, 10, None)


@pytest.mark.parametrize(("predict_s", "show_s"), [(0.05, 0.0), (0.0, 0.05), (0.05, 0.05)])
def test_who_is_slow_skips_pictures_and_does_not_fall_behind(predict_s: float, show_s: float) -> None:
    screen = Screen(show_s)
    report = run_live(FakeSource(100, fps=200), predicting(predict_s), screen)
    assert report.captured == 100
    assert 3 <= report.shown <= 50, "ten or so in half a second in steps of 50 ms; more on a machine that is busy"
    assert screen.indices == sorted(set(screen.indices))
    assert screen.indices[-1] == 99, "the last image is never one of those that are dropped"
    # An image waits for one predecessor at most, in front of each of the two; a queue would end seconds behind.
    assert max(report.latencies_s) < 2 * (predict_s + show_s) + 1
    assert report.latency_ms() >= 1000 * (predict_s + show_s)
    rate, latency_ms = report.recent
    assert 1 < rate < 25 and latency_ms > 1000 * (predict_s + show_s)


def test_a_lost_camera_is_reported_and_what_was_shown_stays() -> None:
    screen = Screen()
    source = FakeSource(5, fps=50, end=raising(CameraLostError("webcam:0: gone")))
    report = run_live(source, predicting(), screen)
    assert report.lost == "webcam:0: gone"
    assert screen.indices == [0, 1, 2, 3, 4]


def test_a_camera_that_hangs_is_lost() -> None:
    source = FakeSource(3, fps=50, end=lambda stop: stop.wait())
    source.patience_s = 0.3
    start = time.monotonic()
    report = run_live(source, predicting(), Screen())
    assert report.lost == "the camera has sent no image for 0.3 seconds"
    assert report.shown == 3 and time.monotonic() - start < 5


@pytest.mark.parametrize("where", ["source", "predict", "show"])
def test_mistakes_are_raised_where_it_was_called(where: str) -> None:
    error = RuntimeError(where)
    source = FakeSource(3, fps=50, end=raising(error) if where == "source" else lambda stop: None)
    predict = raising(error) if where == "predict" else predicting()
    with pytest.raises(RuntimeError, match=where) as caught:
        run_live(source, predict, raising(error) if where == "show" else Screen())  # type: ignore[arg-type]
    assert caught.value is error and caught.traceback, "with the place where it happened"


@pytest.mark.parametrize("limit", ["stop", "seconds", "max_frames", "interrupt"])
def test_it_ends_when_it_should(limit: str) -> None:
    stop, screen = threading.Event(), Screen()
    source = FakeSource(1000, fps=50)
    start = time.monotonic()
    if limit == "stop":
        threading.Timer(0.3, stop.set).start()
        run_live(source, predicting(), screen, stop=stop)
    elif limit == "seconds":
        run_live(source, predicting(), screen, seconds=0.3)
    elif limit == "max_frames":
        assert run_live(source, predicting(), screen, max_frames=7).shown == 7
    else:
        with pytest.raises(KeyboardInterrupt):
            run_live(source, predicting(), raising(KeyboardInterrupt()))  # type: ignore[arg-type]
    assert time.monotonic() - start < 5
    assert limit == "interrupt" or 1 <= len(screen.indices) < 100


def test_no_pictures_at_all() -> None:
    report = run_live(FakeSource(0, fps=50), predicting(), Screen())
    assert report.shown == 0 and np.isnan(report.latency_ms()) and np.isnan(report.recent[0])


class FakeVideo:
    image_wh, fps, num_frames = (6, 4), 10.0, None

    def __iter__(self) -> Iterator[TimedImage]:
        return (TimedImage(i, i / 10, BLANK) for i in range(4))


def test_a_video_comes_at_its_own_speed() -> None:
    start = time.monotonic()
    due = [(time.monotonic() - start - shot.time_s) for shot in PacedVideo(FakeVideo()).frames(threading.Event())]
    assert len(due) == 4 and min(due) >= 0 and max(due) < 2
    stopped = threading.Event()
    stopped.set()
    assert list(PacedVideo(FakeVideo()).frames(stopped)) == []


class FakeCapture:
    """Three blue images, then nothing."""

    def __init__(self, number: int) -> None:
        self.left = 3 if number == 0 else 0
        self.released = False

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, np.full((4, 6, 3), (255, 0, 0), np.uint8)) if self.left >= 0 else (False, None)

    def get(self, prop: int) -> float:
        return 25.0

    def release(self) -> None:
        self.released = True


def test_a_webcam_that_is_unplugged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    with Webcam(0) as camera:
        assert (camera.image_wh, camera.fps) == ((6, 4), 25.0)
        shown = Screen()
        report = run_live(camera, predicting(), shown)
    assert report.lost is not None and report.lost.startswith("webcam:0: the camera stopped sending images")
    assert report.captured == 2
    assert camera._camera._capture.released  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="webcam:1: no camera"):
        Webcam(1)


def test_a_webcams_pictures_are_rgb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    with Webcam(0) as camera:
        shot = next(camera.frames(threading.Event()))
    np.testing.assert_array_equal(shot.image_rgb, cv2.cvtColor(np.full((4, 6, 3), (255, 0, 0), np.uint8), 4))
