"""Rendered people and photographs by turns, from the command's options on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.geometry.skeleton import H36M17
from hourlift.training.hourglass.photographs import mixed_stage
from hourlift.training.recipes import shipped


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are only looked for."""
    (tmp_path / "photos").mkdir()
    for photo in range(20):
        (tmp_path / "photos" / f"{photo:02}.jpg").touch()
    monkeypatch.chdir(tmp_path)


def person(number: int, photo: int) -> Sample:
    rng = np.random.default_rng(number)
    joints = rng.uniform(20, 80, (17, 2)).astype(np.float32)
    return Sample(
        id=str(number),
        image=Path(f"photos/{photo:02}.jpg"),
        joints_2d_px=joints,
        visible=np.ones(17, bool),
        box_xyxy_px=np.array([10, 10, 90, 90], np.float32),
    )


def small():
    recipe = shipped()
    return replace(recipe, input_size=64, train=replace(recipe.train, steps=10))


def test_photographs_are_held_out_with_all_their_people() -> None:
    people = [person(i, i // 2) for i in range(40)]  # 20 photographs of two people
    stage = mixed_stage(small(), [people, people[:4]])
    train_names, val_names = (
        [p.image.image.name for p in crops] for crops in (stage._images._train_people, stage._images._val_people)
    )
    assert sorted(set(val_names)) == ["00.jpg", "10.jpg"] and len(val_names) == 4
    assert not set(train_names) & set(val_names)
    assert train_names.count("01.jpg") == 4  # named twice, seen twice


def test_named_photographs_are_held_out() -> None:
    stage = mixed_stage(small(), [[person(i, i) for i in range(5)]], frozenset({"03.jpg"}))
    assert [crop.image.image.name for crop in stage._images._val_people] == ["03.jpg"]
    with pytest.raises(UserError, match="5 people to train on, 0 to validate on"):
        mixed_stage(small(), [[person(i, i) for i in range(5)]], frozenset({"other.jpg"}))


def test_derived_joints_teach_nothing() -> None:
    stage = mixed_stage(small(), [[person(i, i) for i in range(20)]])
    known = np.array([np.isfinite(crop.joints_px).all(-1) for crop in stage._images._train_people])
    assert known.shape == (18, 21)
    derived = H36M17.indices("pelvis", "spine", "thorax", "head")
    assert not known[:, derived].any() and not known[:, 17:].any()
    assert known[:, [i for i in range(17) if i not in derived]].all()
