"""Shards: what is written is read back, by us and by the library webdataset, and is whole or not there."""

import errno
import gc
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import webdataset

from hourlift.data import Sample, load_coco, load_shards, shards, write_coco, write_shards
from hourlift.data.sample import OCCLUDED, OUTSIDE, SELF_OCCLUDED, VISIBLE
from hourlift.geometry.camera import Camera

WIDTH, HEIGHT = 40, 30


def person(number: int) -> Sample:
    """A person of whom everything is told."""
    rng = np.random.default_rng(number)
    joints_px = rng.uniform(0, 30, (17, 2)).astype(np.float32)
    joints_px[3] = np.nan
    visibility = rng.choice([OCCLUDED, SELF_OCCLUDED, VISIBLE], 17).astype(np.uint8)
    visibility[3] = OUTSIDE
    return Sample(
        id=f"person-{number}",
        image=np.full((HEIGHT, WIDTH, 3), (200, 10, 30), np.uint8),
        image_wh=(WIDTH, HEIGHT),
        joints_2d_px=joints_px,
        visible=visibility == VISIBLE,
        box_xyxy_px=np.array([0, 1, 33, 30.25], np.float32),
        joints_3d_cam_mm=rng.normal(0, 500, (17, 3)).astype(np.float32),
        camera=Camera(fx=50, fy=51, cx=20, cy=15, image_wh=(WIDTH, HEIGHT)),
        visibility=visibility,
        mask=rng.random((HEIGHT, WIDTH)) < 0.5,
        head_box_xyxy_px=np.array([10.5, 2, 18, 12.125], np.float32),
        height_mm=1712.5,
        seed=(7, number),
    )


def bare(number: int) -> Sample:
    """A person of whom a data set tells as little as it may."""
    full = person(number)
    return Sample(
        id=full.id,
        image=full.image,
        joints_2d_px=full.joints_2d_px,
        visible=full.visible,
        box_xyxy_px=np.full(4, np.nan, np.float32),
    )


@pytest.mark.parametrize("image_format", ["jpg", "png"])
def test_what_is_written_is_read_back(tmp_path: Path, image_format: shards.ImageFormat) -> None:
    people = [person(0), bare(1), person(2)]
    written = write_shards(people, tmp_path / "new" / "set", per_shard=2, image_format=image_format)
    assert [path.name for path in written] == ["shard-000000.tar", "shard-000001.tar"]
    assert [shards.count_people(path) for path in written] == [2, 1]
    for read, sample in zip(load_shards(tmp_path / "new" / "set"), people, strict=True):
        assert (read.id, read.seed, read.height_mm, read.camera) == (
            sample.id, sample.seed, sample.height_mm, sample.camera,
        )  # fmt: skip
        assert read.image_wh == (WIDTH, HEIGHT)
        np.testing.assert_allclose(read.joints_2d_px, sample.joints_2d_px, atol=6e-4)
        np.testing.assert_array_equal(read.visible, sample.visible)
        np.testing.assert_array_equal(read.box_xyxy_px, sample.box_xyxy_px)
        for name in ("visibility", "mask", "head_box_xyxy_px"):
            np.testing.assert_array_equal(getattr(read, name), getattr(sample, name))
        if sample.joints_3d_cam_mm is None:
            assert read.joints_3d_cam_mm is None
        else:
            np.testing.assert_allclose(read.joints_3d_cam_mm, sample.joints_3d_cam_mm, atol=6e-3)
        difference = np.abs(read.load_image().astype(int) - sample.load_image()).max()
        assert difference < (4 if image_format == "jpg" else 1)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # it leaves its files open
def test_the_library_webdataset_reads_them(tmp_path: Path) -> None:
    write_shards(map(person, range(5)), tmp_path, per_shard=3)
    pattern = str(tmp_path / "shard-{000000..000001}.tar")
    read = list(webdataset.WebDataset(pattern, shardshuffle=False).decode("rgb8"))
    assert [entry["__key__"] for entry in read] == [f"{number:09}" for number in range(5)]
    for number, entry in enumerate(read):
        sample = person(number)
        assert entry["jpg"].shape == (HEIGHT, WIDTH, 3) and abs(int(entry["jpg"][0, 0, 0]) - 200) < 4
        assert entry["json"]["seed"] == [7, number]
        assert entry["json"]["joints_2d_px"][3] is None and entry["json"]["visibility"][3] == "outside"
        np.testing.assert_array_equal(entry["mask.png"][..., 0] > 0, sample.mask)
    assert len(list(load_shards(pattern))) == 5
    gc.collect()


def test_the_same_people_give_the_same_bytes(tmp_path: Path) -> None:
    first, again = (write_shards(map(person, range(3)), tmp_path / name)[0].read_bytes() for name in "ab")
    assert first == again


def test_a_folder_in_the_coco_layout_becomes_shards(tmp_path: Path) -> None:
    write_coco([person(0), person(1)], tmp_path / "coco")
    write_shards(load_coco(tmp_path / "coco"), tmp_path / "shards")
    for ours, theirs in zip(load_shards(tmp_path / "shards"), load_coco(tmp_path / "coco"), strict=True):
        np.testing.assert_allclose(ours.joints_2d_px, theirs.joints_2d_px, atol=1e-3)
        assert ours.visibility is None and ours.mask is None and ours.seed is None


def test_shards_are_found_by_folder_name_and_pattern(tmp_path: Path) -> None:
    paths = write_shards(map(person, range(3)), tmp_path, per_shard=1)
    (tmp_path / ".shard-000003.7.part.tar").touch()  # a person is writing it
    assert shards.find_shards(tmp_path) == paths
    assert shards.find_shards(paths[1]) == [paths[1]]
    assert shards.find_shards(tmp_path / "shard-*1.tar") == [paths[1]]
    assert shards.find_shards(str(tmp_path / "shard-{000001..000002}.tar")) == paths[1:]
    assert shards.find_shards(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("full_after", [0, 20_000, 60_000])
def test_a_full_disk_leaves_whole_shards(tmp_path: Path, full_after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class SmallDisk(io.FileIO):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            nonlocal full_after
            full_after -= len(data)
            if full_after < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    monkeypatch.setattr(tarfile, "bltn_open", SmallDisk)
    expected = full_after // 30_000  # a shard of two of them is smaller than this
    with pytest.raises(OSError, match="No space left on device; complete shards beside it are kept") as caught:
        write_shards(map(person, range(10)), tmp_path, per_shard=2)
    left = sorted(tmp_path.iterdir())
    assert [path.name for path in left] == [shards.shard_name(number) for number in range(len(left))]
    assert caught.value.filename == str(tmp_path / shards.shard_name(len(left)))
    monkeypatch.undo()
    assert len(left) >= expected
    if left:
        assert [sample.id for sample in load_shards(tmp_path)] == [f"person-{n}" for n in range(2 * len(left))]


def test_an_interrupt_leaves_whole_shards(tmp_path: Path) -> None:
    def people() -> Iterator[Sample]:
        yield from map(person, range(3))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(people(), tmp_path, per_shard=2)
    assert [path.name for path in tmp_path.iterdir()] == ["shard-000000.tar"]
    assert len(list(load_shards(tmp_path))) == 2


def rewrite(path: Path, change: dict[str, bytes | None]) -> None:
    """Changes or drops members of a shard by suffix."""
    with tarfile.open(path) as tar:
        parts = [(member.name, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
    with tarfile.open(path, "w") as tar:
        for name, data in parts:
            new = change.get(name.partition(".")[2], data)
            if new is not None:
                member = tarfile.TarInfo(name)
                member.size = len(new)
                tar.addfile(member, io.BytesIO(new))


def annotation_with(**changes: object) -> bytes:
    return json.dumps(shards.annotation(person(0), (WIDTH, HEIGHT)) | changes).encode()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"json": None}, r"shard-000000\.tar: 000000000: 'json' is missing"),
        ({"json": b"{}"}, "'schema' is missing"),
        ({"json": b"nonsense"}, "000000000: Expecting value"),
        ({"json": annotation_with(schema=99)}, "schema 99; this version of hourlift reads 1"),
        ({"json": annotation_with(joint_names=["tail"])}, "not those of Human3.6M-17"),
        ({"json": annotation_with(visible=[True])}, r"visible must have the shape \(17,\)"),
        ({"json": annotation_with(visibility=["seen"] * 17)}, "000000000: .*not in tuple"),
        ({"json": annotation_with(image_wh=[5, 5])}, r"mask is \(40, 30\), not \(5, 5\)"),
        ({"jpg": None}, "it has no image"),
        ({"jpg": b"nonsense"}, "its image cannot be read"),
        ({"mask.png": b"nonsense"}, "its mask cannot be read"),
    ],
)
def test_a_broken_member_is_named(tmp_path: Path, change: dict[str, bytes | None], complaint: str) -> None:
    (path,) = write_shards([person(0)], tmp_path)
    rewrite(path, change)
    with pytest.raises(ValueError, match=complaint):
        list(load_shards(tmp_path))


def test_what_is_no_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no shard"):
        load_shards(tmp_path)
    (tmp_path / "a.tar").write_text("nonsense")
    with pytest.raises(ValueError, match=r"a\.tar cannot be read as a shard"):
        list(load_shards(tmp_path))
    with pytest.raises(ValueError, match=r"a\.tar cannot be read as a shard"):
        shards.count_people(tmp_path / "a.tar")
    (whole,) = write_shards(map(person, range(4)), tmp_path / "cut")
    whole.write_bytes(whole.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"shard-000000\.tar"):
        list(load_shards(tmp_path / "cut"))


def test_numbers_that_will_not_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="per_shard must be at least 1, got 0"):
        write_shards([], tmp_path / "new", per_shard=0)
    with pytest.raises(ValueError, match="mask is"):
        replace(person(0), mask=np.zeros((2, 3), bool))
    assert write_shards([], tmp_path / "nobody") == []


def test_pixels_of_jpg_and_png(tmp_path: Path) -> None:
    sample = replace(person(0), image=np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8))
    write_shards([sample], tmp_path, image_format="png")
    (read,) = load_shards(tmp_path)
    np.testing.assert_array_equal(read.load_image(), sample.load_image())
    with tarfile.open(tmp_path / "shard-000000.tar") as tar:
        data = tar.extractfile("000000000.png")
        assert data is not None
        assert cv2.imdecode(np.frombuffer(data.read(), np.uint8), cv2.IMREAD_COLOR).shape == (HEIGHT, WIDTH, 3)
