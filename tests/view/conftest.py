"""A person to look at: standing, arms out, easy to check by hand."""

import base64
import contextlib
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import Pose, PoseFrame

CAMERA = Camera.from_fov((320, 240))

# Millimetres from the pelvis: x right, y down, z away. The person faces the camera: the subject's right is at -x.
_JOINTS_MM = {
    "pelvis": (0, 0, 0),
    "r_hip": (-130, 0, 0),
    "r_knee": (-140, 440, -20),
    "r_ankle": (-150, 880, 20),
    "l_hip": (130, 0, 0),
    "l_knee": (140, 440, -20),
    "l_ankle": (150, 880, 20),
    "spine": (0, -240, 0),
    "thorax": (0, -480, 10),
    "nose": (0, -590, -60),
    "head": (0, -710, 0),
    "l_shoulder": (170, -450, 10),
    "l_elbow": (430, -400, 20),
    "l_wrist": (670, -350, -30),
    "r_shoulder": (-170, -450, 10),
    "r_elbow": (-430, -400, 20),
    "r_wrist": (-670, -350, -30),
}


def _standing() -> NDArray[np.float64]:
    """(17, 3) root-relative joints in mm, camera axes."""
    return np.array([_JOINTS_MM[name] for name in H36M17.joint_names], dtype=np.float64)


def _person(
    joints_mm: NDArray[np.float64] | None = None,
    root_mm: tuple[float, float, float] = (0, 0, 4000),
    confidence: float = 0.9,
    person_id: int = 0,
) -> Pose:
    """A pose whose 2D joints are the 3D ones seen by `CAMERA`."""
    joints_mm = _standing() if joints_mm is None else joints_mm
    joints_px = CAMERA.project(joints_mm + np.array(root_mm))
    return Pose(
        joints_2d_px=joints_px,
        confidence=np.full(17, confidence),
        joints_3d_mm=joints_mm,
        root_cam_mm=np.array(root_mm),
        box_xyxy_px=np.concatenate([joints_px.min(axis=0), joints_px.max(axis=0)]),
        camera=CAMERA,
        person_id=person_id,
    )


def _waving(num_frames: int, fps: float = 10.0) -> list[PoseFrame]:
    """The person lowers and lifts the left arm."""
    frames = []
    for index in range(num_frames):
        joints = _standing()
        shoulder, elbow, wrist = H36M17.indices("l_shoulder", "l_elbow", "l_wrist")
        angle = 1.2 * np.sin(index / 3)
        joints[elbow] = joints[shoulder] + 260 * np.array([np.cos(angle), np.sin(angle), 0])
        joints[wrist] = joints[shoulder] + 500 * np.array([np.cos(angle), np.sin(angle), 0])
        frames.append(PoseFrame(index=index, time_s=index / fps, people=[_person(joints)]))
    return frames


@pytest.fixture
def person() -> Callable[..., Pose]:
    return _person


@pytest.fixture
def waving() -> Callable[..., list[PoseFrame]]:
    return _waving


class Browser:
    """A headless Chromium with one tab, spoken to through a pipe (Chrome DevTools Protocol), no driver needed."""

    def __init__(self, process: subprocess.Popen[bytes], write_fd: int, read_fd: int) -> None:
        self._process = process
        self._write_fd = write_fd
        self._replies = os.fdopen(read_fd, "rb")
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def _receive(self) -> dict[str, Any]:
        letters = bytearray()
        while (letter := self._replies.read(1)) != b"\0":
            if not letter:
                raise RuntimeError("the browser has ended")
            letters += letter
        return json.loads(letters)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        left = json.dumps(message).encode() + b"\0"
        while left:
            left = left[os.write(self._write_fd, left) :]
        while (reply := self._receive()).get("id") != number:
            self.events.append(reply)
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']}")
        return reply["result"]

    def open(self, page: Path, width: int = 1280, height: int = 760, dark: bool = False, scale: float = 1) -> None:
        self.events.clear()
        mobile = width < 700
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )
        features = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        self.send(
            "Emulation.setEmulatedMedia", features=[{"name": key, "value": value} for key, value in features.items()]
        )
        self.send("Page.navigate", url=page.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        reply = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def key(self, key: str, shift: bool = False) -> None:
        text = key if len(key) == 1 else ""
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, text=text, modifiers=8 * shift)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            buttons = int(kind != "mouseReleased")
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=buttons, clickCount=1)

    def screenshot(self) -> bytes:
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def complaints(self) -> list[str]:
        """What the console, the page's errors and the browser's log say since the page was opened."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(event["params"]) for event in self.events if event["method"] in kinds]

    def requests(self) -> list[str]:
        """Addresses that the page asked for."""
        sent = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]


@contextlib.contextmanager
def _chromium(profile: Path) -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip(f"no browser on this machine ({', '.join(names)}): the page is tested as text only")
    from_us, to_us = os.pipe(), os.pipe()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    read_fd, write_fd = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (from_us[0], to_us[1]))
    # The browser reads descriptor 3 and writes descriptor 4.
    shim = f"import os, sys; os.dup2({read_fd}, 3); os.dup2({write_fd}, 4); os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", shim, program, *options, "about:blank"],
        pass_fds=(read_fd, write_fd),
        stderr=subprocess.DEVNULL,
    )
    os.close(read_fd)
    os.close(write_fd)
    os.close(from_us[0])
    os.close(to_us[1])
    try:
        yield Browser(process, from_us[1], to_us[0])
    finally:
        process.terminate()
        process.wait(timeout=20)
        os.close(from_us[1])


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with _chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser
