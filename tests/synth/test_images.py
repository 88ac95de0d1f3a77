import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hourlift.synth.scene import images
from hourlift.synth.scene.images import SIDE, image_bank, photo_paths

BLUE_RGB = (10, 20, 200)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "more").mkdir()
    blue = np.full((60, 90, 3), BLUE_RGB[::-1], np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), blue)
    cv2.imwrite(str(tmp_path / "more" / "B.JPG"), blue)
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_the_same_seed_draws_the_same_pictures() -> None:
    bank = image_bank(3, procedural=4)
    assert bank.shape == (4, SIDE, SIDE, 3) and bank.dtype == torch.uint8
    assert torch.equal(bank, image_bank(3, procedural=4))
    assert not torch.equal(bank, image_bank(4, procedural=4))
    assert bank.float().std((1, 2, 3)).min() > 1


def test_photos_join_the_procedural_ones(photos: Path) -> None:
    bank = image_bank(0, photos=photos, procedural=1, crops_per_photo=3)
    assert len(bank) == 1 + 2 * 3
    assert (bank[1:].float().mean((1, 2)) - torch.tensor(BLUE_RGB)).abs().max() < 3


def test_many_photos_give_fewer_crops_each(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for most, expected in ((3, 2), (1, 1)):
        monkeypatch.setattr(images, "MAX_PHOTO_CROPS", most)
        assert len(image_bank(0, photos=photos, procedural=1)) == 1 + expected


def test_tiny_and_unreadable_photos(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cv2.imwrite(str(tmp_path / "dot.png"), np.zeros((1, 1, 3), np.uint8))
    for name in ("broken.jpg", "torn.png"):
        (tmp_path / name).write_text("no image")
    with caplog.at_level(logging.WARNING):
        assert len(image_bank(0, photos=tmp_path, procedural=1, crops_per_photo=2)) == 3
    assert [record.getMessage() for record in caplog.records if record.name == images.__name__] == [
        f"2 unreadable backgrounds skipped, the first is {tmp_path / 'broken.jpg'}"
    ]
    (tmp_path / "dot.png").unlink()
    with pytest.raises(ValueError, match="no readable image"):
        image_bank(0, photos=tmp_path, procedural=1)


def test_folders_that_will_not_do_are_named(photos: Path, tmp_path: Path) -> None:
    assert [path.name for path in photo_paths(photos)] == ["a.png", "B.JPG"]
    with pytest.raises(ValueError, match="nowhere: not a folder"):
        photo_paths(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty: no image \(\.bmp"):
        photo_paths(tmp_path / "empty")
