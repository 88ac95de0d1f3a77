import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hourlift.geometry.angles import joint_angles
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import Pose, PoseFrame
from hourlift.view.page import write_page

WH = (320, 240)
VOID = {"meta", "img", "input", "link", "br"}
MakePerson = Callable[..., Pose]
MakeFrames = Callable[..., list[PoseFrame]]


class Document(HTMLParser):
    """Tags with their attributes and text; complains about tags that are not closed in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []  # tag, and its id or else its name
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs).get("id") or tag))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        name = self._open[-1][1] if self._open else ""
        self.text[name] = self.text.get(name, "") + data

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def poses(self) -> dict[str, Any]:
        return json.loads(self.text["poses"], parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.jpg"
    cv2.imwrite(str(path), np.full((240, 320, 3), 90, np.uint8))
    return path


def test_photo(tmp_path: Path, image: Path, person: MakePerson) -> None:
    page = tmp_path / "photo.html"
    write_page(page, [PoseFrame(index=0, time_s=0, people=[person()])], image_wh=WH, media=image, title="a photo")
    document = Document(page)
    (element,) = document.find("img")
    assert element["src"] == "data:image/jpeg;base64," + base64.b64encode(image.read_bytes()).decode()
    assert element["alt"]
    assert document.text["h1"] == "a photo"
    assert "1 person" in document.text["summary"]
    assert "was assumed: 60°" in page.read_text(encoding="utf-8")
    (body,) = document.find("body")
    assert body["class"] == "wide still"
    assert not document.find("video")


def test_the_numbers_are_whole_millimetres(tmp_path: Path, person: MakePerson) -> None:
    write_page(tmp_path / "a.html", [PoseFrame(index=0, time_s=0, people=[person(person_id=7)])], image_wh=WH)
    content = Document(tmp_path / "a.html").poses
    assert content["joints"] == list(H36M17.joint_names)
    ((person_id, joints, root, confidence, angles),) = content["frames"][0]
    assert person_id == 7
    np.testing.assert_array_equal(np.reshape(joints, (17, 3)), person().joints_3d_mm)
    assert root == [0, 0, 4000]
    assert confidence == [90] * 17
    expected = joint_angles(person().joints_3d_mm)
    assert angles == [round(float(degrees)) if np.isfinite(degrees) else None for degrees in expected.values()]
    assert len(angles) == sum(2 if sided else 1 for _, _, sided in content["angles"])


def test_film(tmp_path: Path, waving: MakeFrames) -> None:
    video = tmp_path / "video.mp4"
    video.write_bytes(bytes(range(256)) * 5000)  # more than one chunk of base64
    frames = [dataclasses.replace(frame, time_s=frame.time_s + 3) for frame in waving(12)]
    write_page(tmp_path / "video.html", iter(frames), image_wh=WH, fps=10, media=video)
    document = Document(tmp_path / "video.html")
    assert base64.b64decode(document.text["video-data"], validate=True) == video.read_bytes()
    assert document.poses["times"] == pytest.approx([100 * i for i in range(12)])
    assert document.poses["step"] == 100
    assert "12 frames · 1.2 s · 10 fps" in document.text["summary"]
    assert document.find("video")[0].get("aria-label")


def test_unknown_is_null(tmp_path: Path, person: MakePerson) -> None:
    joints = person().joints_3d_mm.copy()
    joints[3] = np.nan
    joints[4, 1] = np.inf
    unknown = dataclasses.replace(
        person(), joints_3d_mm=joints, root_cam_mm=np.full(3, np.nan), confidence=np.full(17, np.nan)
    )
    frames = [PoseFrame(index=0, time_s=0, people=[unknown]), PoseFrame(index=1, time_s=0.1, people=[])]
    write_page(tmp_path / "a.html", frames, image_wh=WH, fps=float("nan"))
    content = Document(tmp_path / "a.html").poses
    _, flat, root, confidence, angles = content["frames"][0][0]
    assert flat[9:12] == [None] * 3
    assert flat[13] is None and flat[12] == 130
    assert root is None
    assert confidence == [None] * 17
    assert angles == [None] * 15
    assert content["frames"][1] == []
    assert content["step"] == pytest.approx(100)


def test_nothing_comes_from_outside(tmp_path: Path, image: Path, waving: MakeFrames) -> None:
    page = tmp_path / "a.html"
    write_page(page, waving(3), image_wh=WH, fps=10, media=image)
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"https?:|//[a-z]|@import|url\(", re.sub(r"base64,[A-Za-z0-9+/=]*", "", text))
    document = Document(page)
    policy = document.find("meta")[1]["content"] or ""
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for kind, source in (("script-src", document.text["script"]), ("style-src", document.text["style"])):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert not [name for _, attributes in document.tags for name in attributes if name == "style" or name[:2] == "on"]
    assert page.stat().st_size < 60_000


@pytest.mark.parametrize(
    "title", ["</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{poses}} & {{media}}", "Ünï 人"]
)
def test_titles_are_only_text(tmp_path: Path, image: Path, person: MakePerson, title: str) -> None:
    page = tmp_path / "a.html"
    write_page(page, [PoseFrame(index=0, time_s=0, people=[person()])], image_wh=WH, media=image, title=title)
    document = Document(page)
    assert document.text["h1"] == title
    assert len(document.find("script")) == 2
    assert len(document.find("img")) == 1
    assert not [attributes for _, attributes in document.tags if "onerror" in attributes]


def test_no_tag_can_start_inside_the_data(tmp_path: Path, person: MakePerson) -> None:
    sneaky = dataclasses.replace(person(), person_id="</script><b>")  # type: ignore[arg-type]
    write_page(tmp_path / "a.html", [PoseFrame(index=0, time_s=0, people=[sneaky])], image_wh=WH)
    document = Document(tmp_path / "a.html")
    assert not document.find("b")
    assert document.poses["frames"][0][0][0] == "</script><b>"


def test_what_cannot_be_shown_leaves_nothing_behind(tmp_path: Path, waving: MakeFrames) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        write_page(tmp_path / "a.html", [], image_wh=WH)
    text = tmp_path / "notes.txt"
    text.write_text("no video")
    with pytest.raises(ValueError, match=r"notes\.txt.*text/plain"):
        write_page(tmp_path / "a.html", waving(2), image_wh=WH, media=text)
    with pytest.raises(FileNotFoundError, match=r"missing\.mp4"):
        write_page(tmp_path / "a.html", waving(2), image_wh=WH, media=tmp_path / "missing.mp4")
    with pytest.raises(OSError):
        write_page(tmp_path / "no_folder" / "a.html", waving(2), image_wh=WH)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_old_page_is_replaced(tmp_path: Path, waving: MakeFrames) -> None:
    page = tmp_path / "a.html"
    page.write_text("old")
    write_page(page, waving(2), image_wh=WH)
    assert Document(page).text["h1"] == "a"
    assert list(tmp_path.iterdir()) == [page]
