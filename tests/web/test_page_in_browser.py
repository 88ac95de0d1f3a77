"""The page of `hourlift serve` in a real browser, with the shipped networks and the shipped clip.

Skipped where the page has not been built (`make web`) or no Chromium is installed (Debian: apt-get install chromium).
"""

import base64
import contextlib
import dataclasses
import json
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from hourlift.cli.web_app import APP, address, app_entries, open_server
from hourlift.formats import json as pose_json
from hourlift.geometry.skeleton import H36M17
from hourlift.predict import PosePredictor
from hourlift.predict.models.keypoints import TURNED_FROM_RAD, trunk_tilt
from hourlift.weights import PAGE_HOURGLASS

pytestmark = pytest.mark.skipif(not (APP / "index.html").is_file(), reason="the page has not been built: make web")

Browser = Any  # of tests/conftest.py
NUM_IMAGES = 10  # that are compared with Python
NUM_FRAMES = 12  # frames of the video that is opened
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
OPTIONS = (
    # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--use-angle=swiftshader",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


@pytest.fixture(scope="module")
def clip() -> list[np.ndarray]:
    """The shipped clip's images, RGB."""
    path = str(resources.files("hourlift") / "assets" / "demo.mp4")
    with av.open(path) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write_video(path: Path, images: list[np.ndarray], codec: str, pix_fmt: str, fps: int = 25) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(fps))
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


@contextlib.contextmanager
def serving(entries: Any = None) -> Iterator[str]:
    """The page's address while it is served."""
    with open_server(entries or app_entries()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield address(server)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def page(
    chromium: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, clip: list[np.ndarray]
) -> Iterator[Browser]:
    """A browser with the page open and its networks loaded; its webcam shows the clip."""
    folder = tmp_path_factory.mktemp("browser")
    webcam = write_video(folder / "webcam.mjpeg", clip[:40], "mjpeg", "yuvj420p")
    with (
        serving() as url,
        chromium(folder / "profile", *OPTIONS, f"--use-file-for-fake-video-capture={webcam}") as browser,
    ):
        browser.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        browser.downloads, browser.url = folder, url
        browser.open(url, width=800, height=600)  # a small view: it is drawn without a graphics card
        wait_for(browser, "window.hourlift?.isReady()")
        yield browser


def wait_for(browser: Browser, condition: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not browser.run(condition):
        assert time.monotonic() < end, f"never came true: {condition}; {browser.run('document.body.innerText')}"
        time.sleep(0.02)


def upload(browser: Browser, path: Path) -> None:
    root = browser.send("DOM.getDocument")["root"]["nodeId"]
    node = browser.send("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    browser.send("DOM.setFileInputFiles", files=[str(path)], nodeId=node)


def lifted(browser: Browser, path: Path) -> dict[str, Any]:
    """The poses that the page makes of a file."""
    browser.run("window.before = hourlift.poses()")
    upload(browser, path)
    wait_for(browser, "hourlift.poses() !== null && hourlift.poses() !== window.before")
    return json.loads(browser.run("JSON.stringify(hourlift.poses())"))


def complaints(browser: Browser) -> list[str]:
    """The console's complaints but those of Chromium about this computer's missing graphics card."""
    known = ("GPU stall due to ReadPixels", "No available adapters")
    return [text for text in browser.complaints() if not any(words in text for words in known)]


def test_it_loads_quietly_and_asks_nobody_else(page: Browser) -> None:
    assert complaints(page) == []
    own = (page.url, f"blob:{page.url}")
    assert [url for url in page.requests() if not url.startswith(own)] == []
    assert page.run("crossOriginIsolated")
    assert page.run("find = (id) => document.getElementById(id).textContent, find('engine')").startswith("Web")


def test_other_hosts_cannot_be_reached(page: Browser) -> None:
    """Not even by a script in the page: the policy forbids it."""
    probe = "fetch('https://example.com/').then(() => 'reached', (error) => error.name)"
    assert page.run(probe) == "TypeError"
    assert "Content Security Policy" in "".join(page.complaints()), "it was the policy, not the network"
    page.events.clear()


def test_images_give_pythons_numbers(page: Browser, tmp_path: Path, clip: list[np.ndarray]) -> None:
    predictor = PosePredictor(PAGE_HOURGLASS, threads=1, precision="fp32")
    images = clip[:: len(clip) // NUM_IMAGES][:NUM_IMAGES]
    for number, image in enumerate(images):
        lies = number % 3 == 1
        if lies:
            image = np.rot90(image).copy()
        cv2.imwrite(str(tmp_path / "image.png"), image[..., ::-1])
        poses = lifted(page, tmp_path / "image.png")
        (person,) = poses["frames"][0]["people"]
        (own,) = predictor.predict(image)  # which searches the image as the page does
        assert (np.abs(trunk_tilt(own.joints_2d_px[None])) > TURNED_FROM_RAD) == lies, "who lies is looked at twice"
        np.testing.assert_array_equal(own.box_xyxy_px, person["box_xyxy_px"])
        assert np.abs(own.joints_2d_px - person["joints_2d_px"]).max() < 1  # px
        assert np.abs(own.joints_3d_mm - person["joints_3d_mm"]).max() < 5  # mm
        assert np.abs(own.confidence - person["confidence"]).max() < 0.02
        assert np.linalg.norm(own.root_cam_mm - person["root_cam_mm"]) < 0.01 * np.linalg.norm(own.root_cam_mm)
        assert dataclasses.asdict(own.camera)["fx"] == pytest.approx(poses["camera"]["fx"])


@pytest.mark.parametrize(
    "event",
    [
        "new ClipboardEvent('paste', { clipboardData: data })",
        "new DragEvent('drop', { dataTransfer: data, cancelable: true, bubbles: true })",
    ],
)
def test_images_are_pasted_and_dropped(page: Browser, clip: list[np.ndarray], event: str) -> None:
    _, encoded = cv2.imencode(".png", clip[0][..., ::-1])
    content = base64.b64encode(encoded.tobytes()).decode()
    page.run("window.before = hourlift.poses()")
    page.run(f"""(() => {{ const bytes = Uint8Array.from(atob("{content}"), (c) => c.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], "from-elsewhere.png", {{ type: "image/png" }}));
        window.dispatchEvent({event}); }})()""")
    wait_for(page, "hourlift.poses() !== null && hourlift.poses() !== window.before")
    assert page.run("hourlift.poses().source") == "from-elsewhere.png"
    assert page.run("hourlift.poses().frames[0].people.length") == 1
    assert complaints(page) == []


def test_an_image_is_shown_with_its_numbers(page: Browser, tmp_path: Path, clip: list[np.ndarray]) -> None:
    cv2.imwrite(str(tmp_path / "still.png"), clip[0][..., ::-1])
    lifted(page, tmp_path / "still.png")
    page.run("for (const id of ['angles', 'joints']) document.getElementById(id).open = true")
    wait_for(page, "document.querySelectorAll('#joints tbody tr').length === 17")
    assert page.run("document.querySelectorAll('#angles tbody tr').length") == 9
    joints = page.run("hourlift.scene.joints().map(({ x, y, z }) => [x, y, z])")
    heights = dict(zip(H36M17.joint_names, np.array(joints)[:, 1], strict=True))
    assert heights["head"] > heights["pelvis"] > heights["r_knee"] > heights["r_ankle"]
    assert min(heights.values()) == pytest.approx(70), "feet on the ground"
    blue_and_orange = """(() => { const canvas = document.getElementById('image');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const near = (rgb) => { for (let i = 0; i < data.length; i += 4)
            if (rgb.every((value, c) => Math.abs(value - data[i + c]) < 25)) return true; };
        return near([86, 180, 233]) && near([230, 159, 0]); })()"""
    assert page.run(blue_and_orange), "both sides' limbs are drawn in"
    yaw = page.run("hourlift.scene.spherical().theta")
    page.run("document.getElementById('view').focus()")
    page.key("ArrowRight", shift=True)
    assert page.run("hourlift.scene.spherical().theta") != pytest.approx(yaw)
    page.key("r")
    assert page.run("hourlift.scene.spherical().theta") == pytest.approx(yaw, abs=0.5)
    assert complaints(page) == []


@pytest.mark.parametrize(("codec", "name"), [("libx264", "video.mp4"), ("libvpx", "video.webm")])
def test_a_video_plays_and_the_skeleton_moves(
    page: Browser, tmp_path: Path, clip: list[np.ndarray], codec: str, name: str
) -> None:
    video = write_video(tmp_path / name, clip[: 4 * NUM_FRAMES : 4], codec, "yuv420p")
    poses = lifted(page, video)
    assert [frame["index"] for frame in poses["frames"]] == list(range(NUM_FRAMES))
    assert [frame["time_s"] for frame in poses["frames"]] == pytest.approx(np.arange(NUM_FRAMES) / 25, abs=2e-3)
    assert poses["fps"] == pytest.approx(25, rel=0.02) and poses["image_wh"] == [400, 400]
    assert all(frame["people"] for frame in poses["frames"])
    wrist = "JSON.stringify(hourlift.scene.joints()[13])"
    before = page.run(wrist)
    page.run("document.getElementById('play').click()")
    wait_for(page, f"hourlift.player.index > 0 && {wrist} !== {json.dumps(before)}")
    page.run("document.getElementById('play').click()")
    assert page.run("document.getElementById('video').paused")
    page.run("document.activeElement.blur()")
    for key, index in (("Home", 0), ("ArrowRight", 1), ("End", NUM_FRAMES - 1), ("ArrowLeft", NUM_FRAMES - 2)):
        page.key(key)
        assert page.run("hourlift.player.index") == index, key
    assert complaints(page) == []


def test_poses_are_downloaded(page: Browser, tmp_path: Path, clip: list[np.ndarray]) -> None:
    poses = lifted(page, write_video(tmp_path / "dance.mp4", clip[:4], "libx264", "yuv420p"))
    files = {}
    for suffix in ("json", "csv", "bvh", "glb"):
        page.run(f"document.querySelector('[data-format={suffix}]').click()")
        file = page.downloads / f"dance.{suffix}"
        end = time.monotonic() + 20
        while not (file.is_file() and file.stat().st_size):
            assert time.monotonic() < end, f"{file.name} was not written"
            time.sleep(0.02)
        files[suffix] = file
    document = pose_json.load(files["json"])
    assert document.header.source == "dance.mp4" and len(document.frames) == 4
    first = document.frames[0].people[0]
    assert first.joints_3d_mm == pytest.approx(np.array(poses["frames"][0]["people"][0]["joints_3d_mm"]), abs=0.06)
    assert len(files["csv"].read_text().splitlines()) == 1 + 4 * 17
    assert "Frames: 4" in files["bvh"].read_text()
    magic, version, length = struct.unpack("<4sII", files["glb"].read_bytes()[:12])
    assert (magic, version, length) == (b"glTF", 2, files["glb"].stat().st_size)


def test_the_webcam_is_followed(page: Browser) -> None:
    page.run("document.getElementById('webcam').click()")
    wait_for(page, "hourlift.player.frames.length >= 5 && hourlift.player.frames.at(-1).people.length === 1")
    assert page.run("document.getElementById('webcam').getAttribute('aria-pressed')") == "true"
    assert "frames/s" in page.run("document.getElementById('engine').textContent")
    page.run("document.getElementById('webcam').click()")
    wait_for(page, "hourlift.poses()?.source === 'webcam'")
    assert page.run("document.getElementById('video').srcObject === null"), "the webcam is off"
    times = page.run("hourlift.poses().frames.map((frame) => frame.time_s)")
    assert times[0] == 0 and (np.diff(times) > 0).all()
    page.run("document.getElementById('play').click()")
    wait_for(page, "hourlift.player.index >= 1")
    page.run("document.getElementById('play').click()")
    assert complaints(page) == []


def png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("note.jpg", b"dear diary, this is no image", "no image"),
        ("note.mp4", b"dear diary, this is no video either", "no video"),
        ("empty.png", b"", "empty"),
        ("huge.png", png(30_000, 30_000, bytes(1000)), "30000 x 30000 pixels"),
        ("broken.png", png(300, 300, bytes(1000))[:60], "cannot be decoded"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    page: Browser, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    upload(page, tmp_path / name)
    wait_for(page, "!document.getElementById('message').hidden")
    message = page.run("document.getElementById('message').textContent")
    assert message.startswith(f"{name}: ") and words in message
    assert complaints(page) == []


def test_nobody_in_an_image(page: Browser, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((240, 320, 3), 120, np.uint8))
    assert lifted(page, tmp_path / "wall.png")["frames"][0]["people"] == []
    assert page.run("document.getElementById('notice').textContent") == "No person found in this image"
    page.run("document.querySelector('[data-format=bvh]').click()")
    assert "no person was found" in page.run("document.getElementById('message').textContent")


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
def test_it_fits_and_everybody_can_use_it(
    page: Browser, tmp_path: Path, clip: list[np.ndarray], width: int, dark: bool
) -> None:
    page.send("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 700)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.send("Emulation.setEmulatedMedia", features=[scheme])
    lifted(page, write_video(tmp_path / "clip.mp4", clip[:2], "libx264", "yuv420p"))
    page.run("for (const details of document.querySelectorAll('details')) details.open = true")
    assert page.run("document.documentElement.scrollWidth") <= width
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm ci in web/")
    page.run(AXE.read_text(encoding="utf-8") + "; null")
    assert page.run("axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))") == []


def test_once_loaded_it_needs_no_server(chromium: Callable[..., Any], tmp_path: Path, clip: list[np.ndarray]) -> None:
    cv2.imwrite(str(tmp_path / "image.png"), clip[0][..., ::-1])
    with chromium(tmp_path / "profile", *OPTIONS) as browser:
        with serving() as url:
            browser.open(url)
            wait_for(browser, "window.hourlift?.isReady()")
        browser.open(url)
        wait_for(browser, "window.hourlift?.isReady()")
        assert browser.run("crossOriginIsolated")
        assert len(lifted(browser, tmp_path / "image.png")["frames"][0]["people"]) == 1


def test_a_damaged_model_is_refused(chromium: Callable[..., Any], tmp_path: Path) -> None:
    entries = app_entries()
    path = next(path for path in entries if path.startswith("/models/"))
    content = bytearray(entries[path].content.read_bytes())  # type: ignore[union-attr]
    content[len(content) // 2] ^= 1
    with (
        serving(entries | {path: entries[path]._replace(content=bytes(content))}) as url,
        chromium(tmp_path / "profile", *OPTIONS) as browser,
    ):
        browser.open(url)
        wait_for(browser, "!document.getElementById('message').hidden")
        assert "damaged" in browser.run("document.getElementById('message').textContent")
        assert browser.run("document.getElementById('open').disabled")
