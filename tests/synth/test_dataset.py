"""Data sets that are the same whoever writes them, and are gone on with."""

import errno
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hourlift.data import Sample, load_shards
from hourlift.synth import dataset
from hourlift.synth.dataset import DatasetConfig, write_dataset
from hourlift.synth.generate import SynthConfig
from hourlift.synth.presets import PRESETS, preset, with_motion
from hourlift.synth.samples import remake, render_samples

CONFIG = DatasetConfig(synth=SynthConfig(size=32), per_shard=2)


def empty(number: int, seed: int = 0) -> Sample:
    return Sample(
        id=str(number),
        image=np.full((8, 8, 3), number, np.uint8),
        joints_2d_px=np.zeros((17, 2), np.float32),
        visible=np.ones(17, bool),
        box_xyxy_px=np.zeros(4, np.float32),
        seed=(seed, number),
    )


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the people that were rendered, by a stand-in."""
    numbers: list[int] = []

    def stand_in(config: SynthConfig, seed: int, count: int, *, first: int = 0) -> Iterator[Sample]:
        for number in range(first, first + count):
            numbers.append(number)
            yield empty(number, seed)

    monkeypatch.setattr(dataset, "render_samples", stand_in)
    return numbers


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_another_process_writes_the_same(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    config = replace(CONFIG, per_shard=3)
    (path,) = write_dataset(config, tmp_path, 3, progress=lambda *done: calls.append(done))
    assert calls == [(1, 3), (2, 3), (3, 3)]
    written = path.read_bytes()
    path.unlink()
    calls.clear()
    job = dataset._Job(path, 0, 3)
    dataset._write_in_processes(config, [job], 1, lambda done: calls.append((done, 3)))
    assert path.read_bytes() == written and calls[-1] == (3, 3)
    samples = list(load_shards(tmp_path))
    assert [sample.seed for sample in samples] == [(0, 0), (0, 1), (0, 2)]
    again = remake(CONFIG.synth, samples[2].seed or (9, 9))  # from the seed that the file tells
    assert np.abs(again.load_image().astype(int) - samples[2].load_image()).mean() < 8  # what JPEG loses
    np.testing.assert_allclose(again.joints_3d_cam_mm, samples[2].joints_3d_cam_mm, atol=6e-3)
    np.testing.assert_array_equal(again.mask, samples[2].mask)
    np.testing.assert_array_equal(again.visibility, samples[2].visibility)


def test_a_picture_depends_on_seed_and_number_alone() -> None:
    several = list(render_samples(CONFIG.synth, 0, 3, first=14))  # from two batches
    assert [sample.seed for sample in several] == [(0, 14), (0, 15), (0, 16)]
    for sample in several[::2]:
        assert sample.seed is not None
        alone = remake(CONFIG.synth, sample.seed)
        np.testing.assert_array_equal(alone.load_image(), sample.load_image())
        np.testing.assert_array_equal(alone.joints_2d_px, sample.joints_2d_px)
        assert alone.id == sample.id and alone.height_mm == sample.height_mm
    assert (several[0].load_image() != several[1].load_image()).any()


def test_going_on_keeps_whole_shards(tmp_path: Path, rendered: list[int]) -> None:
    folder = tmp_path / "people"
    write_dataset(CONFIG, folder, 5)
    whole = contents(folder)
    (folder / "shard-000001.tar").unlink()
    (folder / ".shard-000001.77.part.tar").touch()  # of a process that was killed
    rendered.clear()
    write_dataset(CONFIG, folder, 5, resume=True)
    assert rendered == [2, 3] and contents(folder) == whole
    rendered.clear()
    write_dataset(CONFIG, folder, 6, resume=True)  # longer: the last shard was not full
    assert rendered == [4, 5]
    assert [sample.id for sample in load_shards(folder)] == list("012345")
    rendered.clear()
    write_dataset(CONFIG, tmp_path / "new", 2, resume=True)  # nothing to go on with: begins
    assert rendered == [0, 1]


def test_a_folder_in_use_is_left_alone(tmp_path: Path, rendered: list[int]) -> None:
    write_dataset(CONFIG, tmp_path, 2)
    before = contents(tmp_path)
    rendered.clear()
    with pytest.raises(ValueError, match="is not an empty folder; name another one, or resume the run"):
        write_dataset(CONFIG, tmp_path, 2)
    for other, message in (
        (replace(CONFIG, seed=6), "other settings: seed 0, not 6"),
        (replace(CONFIG, per_shard=3), "per_shard 2, not 3"),
        (replace(CONFIG, synth=SynthConfig(size=64)), "size 32, not 64"),
        (replace(CONFIG, synth=replace(CONFIG.synth, photos=Path("p"))), "photos None, not p"),
    ):
        with pytest.raises(ValueError, match=message):
            write_dataset(other, tmp_path, 2, resume=True)
    (tmp_path / "settings.json").unlink()
    with pytest.raises(ValueError, match=r"holds no settings\.json: there is no run to resume"):
        write_dataset(CONFIG, tmp_path, 2, resume=True)
    (tmp_path / "settings.json").write_text("nonsense")
    with pytest.raises(ValueError, match=r"settings\.json is not a JSON file"):
        write_dataset(CONFIG, tmp_path, 2, resume=True)
    (tmp_path / "settings.json").write_bytes(before["settings.json"])
    assert contents(tmp_path) == before and rendered == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize(("fail_at", "left"), [(1, 0), (3, 1)])
def test_a_failure_leaves_whole_shards(
    tmp_path: Path, error: BaseException, fail_at: int, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(config: SynthConfig, seed: int, count: int, *, first: int = 0) -> Iterator[Sample]:
        for number in range(first, first + count):
            if number == fail_at:
                raise error
            yield empty(number)

    monkeypatch.setattr(dataset, "render_samples", failing)
    with pytest.raises(type(error)):
        write_dataset(CONFIG, tmp_path / "people", 5)
    assert len(list(tmp_path.rglob("*.tar"))) == left
    assert (tmp_path / "people").exists() == (left > 0)  # without a shard nothing stays
    if left:
        assert {path.name for path in (tmp_path / "people").iterdir()} == {"settings.json", "shard-000000.tar"}


def test_settings_tell_everything(tmp_path: Path, rendered: list[int]) -> None:
    config = replace(CONFIG, synth=replace(preset("sport"), photos=Path("photos")))
    write_dataset(config, tmp_path, 1)
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert settings["seed"] == 0 and settings["synth"]["photos"] == "photos"
    assert settings["synth"]["poses"]["wild"] == config.synth.poses.wild
    assert "hourlift" in settings


def test_presets_differ_and_are_named() -> None:
    configs = [preset(name) for name in PRESETS]
    assert len(set(map(repr, configs))) == len(configs)
    assert preset("everyday").size == 256
    poses = with_motion(preset("sport"), Path("mocap")).poses
    assert poses.captured == pytest.approx(sum(poses.weights) / 2) and poses.wild == preset("sport").poses.wild
    with pytest.raises(ValueError, match="no preset 'video'; the presets are everyday, upright, sport, portrait, stud"):
        preset("video")
