"""The page in a real browser. Skipped where no Chromium is installed (Debian: apt-get install chromium)."""

import dataclasses
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from hourlift.geometry.angles import joint_angles
from hourlift.geometry.world import World, up_of_pitched_camera
from hourlift.pose import Pose, PoseFrame
from hourlift.view.overlay import draw_pose
from hourlift.view.page import write_page

WH = (320, 240)
MakePerson = Callable[..., Pose]
MakeFrames = Callable[..., list[PoseFrame]]
Browser = Any  # the fixture in conftest.py

SETTLED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def drawing(browser: Browser) -> str:
    """What the canvas shows now."""
    browser.run(SETTLED)
    return browser.run("document.querySelector('canvas').toDataURL()")


def wait_for(browser: Browser, condition: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not browser.run(condition):
        assert time.monotonic() < end, f"never came true: {condition}"
        time.sleep(0.05)


@pytest.fixture
def alone(tmp_path: Path, waving: MakeFrames) -> Path:
    write_page(tmp_path / "alone.html", waving(30), image_wh=WH, fps=10)
    return tmp_path / "alone.html"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_photo_loads_quietly_and_shows_a_skeleton(
    browser: Browser, tmp_path: Path, person: MakePerson, width: int, dark: bool
) -> None:
    image = tmp_path / "image.png"
    cv2.imwrite(str(image), draw_pose(np.full((240, 320, 3), 90, np.uint8), [person()]))
    frame = PoseFrame(index=0, time_s=0, people=[person()])
    write_page(tmp_path / "photo.html", [frame], image_wh=WH, media=image)
    browser.open(tmp_path / "photo.html", width=width, height=800, dark=dark)
    assert browser.complaints() == []
    assert [url for url in browser.requests() if url.partition(":")[0] not in ("file", "data")] == []
    assert browser.run("document.querySelector('img').naturalWidth") == 320
    assert browser.run("getComputedStyle(find('player')).display") == "none"
    colours = """[...new Set(Array.from(new Uint32Array(document.querySelector("canvas").getContext("2d")
        .getImageData(0, 0, 2000, 2000).data.buffer)))].map(c => [c & 255, c >> 8 & 255, c >> 16 & 255].join())"""
    shown = browser.run(colours)
    assert {"86,180,233", "230,159,0"} <= set(shown), "limbs of both sides"
    assert browser.run("document.documentElement.scrollWidth") <= width


def test_playing_moves_the_skeleton(browser: Browser, alone: Path) -> None:
    browser.open(alone)
    before = drawing(browser)
    browser.run("find('play').click()")
    wait_for(browser, "player.frame >= 3")
    browser.run("find('play').click()")
    frame = browser.run("player.frame")
    assert drawing(browser) != before
    assert browser.run("find('clock').value").endswith(f"frame {frame + 1} of 30")
    assert browser.run("Number(find('scrubber').value)") == frame
    time.sleep(0.3)
    assert browser.run("player.frame") == frame, "paused"
    assert browser.complaints() == []


def test_scrubbing_and_speed(browser: Browser, alone: Path) -> None:
    browser.open(alone)
    first = drawing(browser)
    browser.run("find('scrubber').value = 17; find('scrubber').dispatchEvent(new Event('input'))")
    assert browser.run("player.frame") == 17
    assert drawing(browser) != first
    browser.run("find('speed').value = '0.1'; find('play').click()")
    time.sleep(0.5)
    assert 17 <= browser.run("player.frame") <= 18, "a tenth of ten frames a second"


def test_keys(browser: Browser, alone: Path) -> None:
    browser.open(alone)
    for key, frame in (
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("End", 29),
        ("ArrowRight", 29),
        ("Home", 0),
    ):
        browser.key(key)
        assert browser.run("player.frame") == frame, key
    browser.key(" ")
    assert browser.run("player.playing")
    browser.key(" ")
    assert not browser.run("player.playing")
    view = browser.run("scene.view")
    browser.key("ArrowRight", shift=True)
    assert browser.run("scene.view.yaw") > view["yaw"]
    browser.key("+")
    assert browser.run("scene.view.zoom") > 1
    browser.key("r")
    browser.run(SETTLED)
    assert browser.run("scene.view") == pytest.approx(view | {"pan": pytest.approx([0, 0])})


ANGLES = """Object.fromEntries([...find("angles").querySelectorAll("tbody tr")]
    .map(row => [row.cells[0].textContent, [...row.cells].slice(1).map(cell => cell.textContent)]))"""


def test_angles_are_read_out(browser: Browser, tmp_path: Path, waving: MakeFrames, person: MakePerson) -> None:
    frames = [
        dataclasses.replace(frame, people=[*frame.people, person(person_id=4, root_mm=(1500, 0, 5000))][: 1 + (i < 5)])
        for i, frame in enumerate(waving(8))
    ]
    write_page(tmp_path / "angles.html", frames, image_wh=WH, fps=10)
    browser.open(tmp_path / "angles.html")
    for i in (0, 3):
        browser.run(f"seek({i})")
        expected = joint_angles(frames[i].people[0].joints_3d_mm)
        shown = browser.run(ANGLES)
        assert len(shown) == 9
        for name in ("shoulder_abduction", "elbow_flexion", "knee_flexion"):
            words = [str(round(float(expected[f"{side}_{name}"]))).replace("-", "−") for side in "lr"]
            assert shown[name.replace("_", " ").capitalize()] == words
    assert len(shown["Trunk side lean"]) == 1
    browser.run("find('whom').value = 4; find('whom').dispatchEvent(new Event('change'))")
    still = browser.run(ANGLES)
    assert still != shown
    browser.run("seek(6)")
    assert set(sum(browser.run(ANGLES).values(), [])) == {"–"}, "person 4 has left"
    centre = browser.run("scene.lens.centre[0]")
    browser.key("a")
    browser.run(SETTLED)
    assert browser.run("find('angles').hidden") and browser.run("scene.lens.centre[0]") < centre
    assert browser.complaints() == []


def test_on_a_phone_the_angles_take_the_pictures_place(browser: Browser, tmp_path: Path, person: MakePerson) -> None:
    image = tmp_path / "image.png"
    cv2.imwrite(str(image), np.full((240, 320, 3), 90, np.uint8))
    write_page(tmp_path / "a.html", [PoseFrame(index=0, time_s=0, people=[person()])], image_wh=WH, media=image)
    browser.open(tmp_path / "a.html", width=390, height=844)
    assert browser.run("find('angles').hidden"), "the image comes first"
    browser.run("find('readout').click()")
    browser.run(SETTLED)
    assert browser.run("find('source').offsetParent === null")
    below = browser.run("find('angles').getBoundingClientRect().bottom - find('view').getBoundingClientRect().top")
    head = browser.run("scene.project(scene.stand(scene.frames[0][0])[model.joints.indexOf('head')]).y")
    assert head > below, "the skeleton stands below the table"
    assert browser.run("document.documentElement.scrollWidth") <= 390


def test_mouse_turns_and_zooms(browser: Browser, alone: Path) -> None:
    browser.open(alone)
    before = drawing(browser)
    browser.drag((900, 300), (960, 330))
    assert browser.run("scene.view.yaw") == pytest.approx(-0.55 + 60 * 0.009)
    turned = drawing(browser)
    assert turned != before
    browser.send("Input.dispatchMouseEvent", type="mouseWheel", x=900, y=300, deltaX=0, deltaY=-200)
    wait_for(browser, "scene.view.zoom > 1.2")
    browser.run("document.querySelector('[data-view=reset]').click()")
    assert drawing(browser) == before


def test_pinch_zooms(browser: Browser, alone: Path) -> None:
    browser.open(alone, width=390, height=844)
    touch = lambda kind, *points: browser.send(  # noqa: E731
        "Input.dispatchTouchEvent",
        type=kind,
        touchPoints=[{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)],
    )
    touch("touchStart", (180, 400), (200, 400))
    touch("touchMove", (150, 400), (230, 400))
    touch("touchEnd")
    assert browser.run("scene.view.zoom") > 2


def test_camera_view_looks_as_the_camera_did(browser: Browser, alone: Path) -> None:
    """The person faces the camera upright: head on top, their right on the image's left."""
    browser.open(alone)
    browser.run("scene.look('camera')")
    browser.run(SETTLED)
    where = browser.run(
        """Object.fromEntries(scene.stand(scene.frames[0][0]).map((p, j) => [model.joints[j], scene.project(p)]))"""
    )
    assert where["head"]["y"] < where["pelvis"]["y"] < where["l_ankle"]["y"]
    assert where["r_wrist"]["x"] < where["pelvis"]["x"] < where["l_wrist"]["x"]
    assert where["nose"]["depth"] < where["thorax"]["depth"], "the nose points to the camera"


def test_the_world_sets_people_upright_on_its_floor(browser: Browser, tmp_path: Path, person: MakePerson) -> None:
    """A camera that looks 30 degrees down sees a person who stands; in its axes they lean."""
    world = World.from_up(up_of_pitched_camera(30.0), 2000.0, "given")
    standing = person()
    joints_world = np.stack(
        [standing.joints_3d_mm[:, 0], 4000 + standing.joints_3d_mm[:, 2], 970 - standing.joints_3d_mm[:, 1]], axis=-1
    )
    joints_cam = world.to_camera(joints_world)
    seen = dataclasses.replace(standing, joints_3d_mm=joints_cam - joints_cam[0], root_cam_mm=joints_cam[0])
    frame = PoseFrame(index=0, time_s=0, people=[seen])
    for known in (world, None):
        write_page(tmp_path / "room.html", [frame], image_wh=WH, world=known)
        browser.open(tmp_path / "room.html")
        assert browser.complaints() == []
        browser.run("find('place').click()")
        points = np.array(browser.run("scene.stand(scene.frames[0][0])"))  # x right, y up, z towards the camera
        expected = joints_world[:, [0, 2, 1]] * [1, 1, -1]
        assert np.allclose(points, expected, atol=2) == (known is not None)


def test_gaps_and_crowds(browser: Browser, tmp_path: Path, person: MakePerson) -> None:
    joints = person().joints_3d_mm.copy()
    joints[[3, 10]] = np.nan
    lost = dataclasses.replace(person(person_id=2), joints_3d_mm=joints, root_cam_mm=np.full(3, np.nan))
    frames = [
        PoseFrame(index=0, time_s=0, people=[]),
        PoseFrame(index=1, time_s=0.1, people=[person(), person(person_id=1, root_mm=(1500, 0, 6000)), lost]),
        PoseFrame(index=2, time_s=0.2, people=[dataclasses.replace(lost, joints_3d_mm=np.full((17, 3), np.nan))]),
    ]
    write_page(tmp_path / "crowd.html", frames, image_wh=WH, fps=10)
    browser.open(tmp_path / "crowd.html")
    assert "No person found" in browser.run("document.body.innerText")
    browser.run("find('numbers').open = true")
    browser.key("ArrowRight")
    assert browser.run("find('notice').hidden")
    assert browser.run("document.querySelectorAll('#tables table').length") == 3
    assert browser.run("document.querySelectorAll('#tables table')[2].rows[4].innerText").split() == [
        "r_ankle",
        "–",
        "–",
        "–",
        "90",
        "%",
    ]
    assert browser.run("find('place').hidden"), "one of three has no known place"
    browser.key("ArrowRight")
    browser.run(SETTLED)
    assert browser.complaints() == []

    everywhere = [dataclasses.replace(frames[1], index=0, time_s=0.0, people=frames[1].people[:2])]
    write_page(tmp_path / "two.html", everywhere, image_wh=WH)
    browser.open(tmp_path / "two.html")
    apart = "(([a, b]) => b[0][2] - a[0][2])(scene.frames[0].map(p => scene.stand(p)))"
    assert browser.run(apart) == -2000, "several people stand where they were seen"
    browser.run("find('place').click()")
    assert browser.run(apart) == 0
    browser.run("find('place').click()")
    browser.run("scene.frames[0][1].root = null; notice()")
    assert "place of person 1 is unknown" in browser.run("document.body.innerText")
    assert browser.run("scene.stand(scene.frames[0][1]).every(point => point === null)")
    drawing(browser)
    assert browser.complaints() == []


def test_film_and_skeleton_keep_step(browser: Browser, tmp_path: Path, waving: MakeFrames) -> None:
    frames = waving(40)
    video = tmp_path / "video.mp4"
    write_film(video, [draw_pose(np.full((240, 320, 3), 90, np.uint8), frame.people) for frame in frames], fps=10)
    write_page(tmp_path / "video.html", frames, image_wh=WH, fps=10, media=video)
    browser.open(tmp_path / "video.html")
    wait_for(browser, "video.readyState >= 2 || !find('unplayable').hidden")
    if not browser.run("find('unplayable').hidden"):
        pytest.skip("this browser has no H.264")
    browser.run("seek(20)")
    wait_for(browser, "!video.seeking")
    assert browser.run("video.currentTime") == pytest.approx(2.05)
    browser.run("find('play').click()")
    wait_for(browser, "player.frame >= 25")
    playing = browser.run("[player.frame, video.currentTime]")
    assert playing[0] / 10 == pytest.approx(playing[1], abs=0.25)
    browser.run("find('play').click()")
    assert browser.run("video.paused")
    assert browser.complaints() == []


def test_a_film_that_does_not_play_leaves_the_skeleton(browser: Browser, tmp_path: Path, waving: MakeFrames) -> None:
    video = tmp_path / "video.mp4"
    video.write_bytes(b"no video at all")
    write_page(tmp_path / "video.html", waving(30), image_wh=WH, fps=10, media=video)
    browser.open(tmp_path / "video.html")
    wait_for(browser, "!find('unplayable').hidden")
    browser.run("find('play').click()")
    wait_for(browser, "player.frame >= 2")


def write_film(path: Path, images: list[np.ndarray], fps: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
