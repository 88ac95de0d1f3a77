"""The finder's training: scenes and photographs that say exactly where people are, and a run that resumes."""

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hourlift.data.images.coco import load_coco
from hourlift.finder.network import FinderConfig
from hourlift.training.engine.loop import TrainConfig, train
from hourlift.training.finder.backgrounds import Backgrounds
from hourlift.training.finder.cutouts import Cutout
from hourlift.training.finder.labelled import cells
from hourlift.training.finder.measures import measure
from hourlift.training.finder.photographs import by_image, load_photographs, view
from hourlift.training.finder.photometric import Photometric
from hourlift.training.finder.scenes import SceneMix, compose
from hourlift.training.finder.stage import FinderBatch, FinderRecipe, FinderStage
from hourlift.training.recipes import FINDER_RECIPES

CPU = torch.device("cpu")
RED = np.array([255, 0, 0])


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    """A folder of grey images without people; two of them are parts of one photograph."""
    folder = tmp_path / "grey"
    folder.mkdir()
    for name in ("a-0", "a-1", *"bcdefghijk"):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((90, 160, 3), 90, np.uint8))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twenty photographs 200 x 100 with a red person 20 x 40 at (30, 20), and a blue one without annotation."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    image = np.full((100, 200, 3), 60, np.uint8)
    image[20:60, 30:50], image[20:60, 130:150] = RED[::-1], (255, 0, 0)  # BGR
    keypoints = [40, 30, 2] * 17
    images, people = [], []
    for number in range(20):
        name = f"images/{number:03}.png"
        cv2.imwrite(str(folder / name), image)
        images.append({"id": number, "file_name": name, "width": 200, "height": 100})
        box = [29.5, 19.5, 20, 40]
        people.append({"id": number, "image_id": number, "category_id": 1, "bbox": box, "keypoints": keypoints})
    coco17 = (
        "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist "
        "right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
    )
    categories = [{"id": 1, "name": "person", "keypoints": coco17.split()}]
    content = {"images": images, "annotations": people, "categories": categories}
    (folder / "keypoints.json").write_text(json.dumps(content))
    return folder


def red_person(width: int = 30, height: int = 60) -> Cutout:
    return Cutout(np.tile(RED.astype(np.uint8), (height, width, 1)), np.full((height, width), 255, np.uint8))


PLAIN = SceneMix(
    counts=(0.0, 1.0), lengths=(0.2, 0.5), group_share=0.0, tilt_deg=1e-6, any_angle_share=0.0, occluder_share=0.0
)


def is_red(image: np.ndarray) -> np.ndarray:
    return (image[..., 0] > 60) & (image[..., 1] < 40)


def test_the_box_of_a_composed_person_is_where_the_person_is_seen(grey: Path) -> None:
    for seed in range(12):
        scene = compose(np.random.default_rng(seed), [red_person()], Backgrounds([grey]), PLAIN, 128)
        rows, columns = np.nonzero(is_red(scene.image))
        if len(scene.boxes):
            seen = [columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5]
            np.testing.assert_allclose(scene.boxes, [seen], atol=1.01)  # of the soft edge
            assert scene.counted.all()
        elif len(rows):  # too little of the person to be found, and not to be wrong either
            assert not scene.counted[rows // 8, columns // 8].any()


def test_a_person_in_front_hides_the_one_behind(grey: Path) -> None:
    mix = replace(PLAIN, counts=(0, 0, 0, 0, 0, 1.0), group_share=1.0)
    for seed in range(8):
        scene = compose(np.random.default_rng(seed), [red_person()], Backgrounds([grey]), mix, 128)
        assert len(scene.boxes) <= 5
        covered = np.zeros((128, 128), bool)
        for x0, y0, x1, y1 in np.round(scene.boxes).astype(int):
            covered[max(y0, 0) : y1 + 2, max(x0, 0) : x1 + 2] = True
        left = is_red(scene.image) & ~covered
        rows, columns = np.nonzero(left)
        assert not scene.counted[rows // 8, columns // 8].any()


def test_scenes_without_people_have_none_and_count_everywhere(grey: Path) -> None:
    mix = replace(PLAIN, counts=(1.0,))
    scene = compose(np.random.default_rng(0), [red_person()], Backgrounds([grey]), mix, 128)
    assert len(scene.boxes) == 0 and scene.counted.all() and not is_red(scene.image).any()


def test_boxes_follow_every_change_of_a_photograph_and_unknown_people_do_not_count(grey: Path, data: Path) -> None:
    (photograph, *_) = by_image(load_coco(data))
    for seed in range(40):
        item = view(np.random.default_rng(seed), photograph, Backgrounds([grey]), 128)
        red = (item.image[..., 0] > 150) & (item.image[..., 2] < 90)
        blue = (item.image[..., 2] > 150) & (item.image[..., 0] < 90)
        rows, columns = np.nonzero(red)
        if len(item.boxes):
            seen = [columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5]
            np.testing.assert_allclose(item.boxes, [seen], atol=1.6)  # of interpolation
            assert item.counted[cells(item.boxes[0])].all()
        unknown = item.counted.repeat(8, 0).repeat(8, 1)[blue]
        assert unknown.mean() < 0.15 if len(unknown) > 30 else True  # but for cells that the red box touches


def test_every_tenth_photograph_is_held_out(data: Path, grey: Path) -> None:
    held_out = [Path(str(each.sample.image)).name for each in load_photographs(data, held_out=True)]
    assert held_out == ["000.png", "010.png"]
    assert len(load_photographs(data)) == 18
    ours, theirs = ({path.stem for path in Backgrounds([grey], held_out=held_out).paths} for held_out in (False, True))
    assert theirs == {"a-0", "a-1", "k"} and len(ours) == 9 and not ours & theirs


def test_photometric_changes_keep_shape_and_follow_their_seed() -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    change = Photometric(noisy=1.0, blurred=1.0, compressed=1.0, pale=1.0)
    once, again = (change(np.random.default_rng(3), image) for _ in range(2))
    assert once.shape == image.shape and once.dtype == np.uint8 and (once == again).all()
    still = Photometric(gamma=0, gain=0, cast=0, contrast=0, grey=0, pale=0, blurred=0, noisy=0, compressed=0)
    assert (still(np.random.default_rng(3), image) == image).all()
    grey = replace(still, grey=1.0)(np.random.default_rng(3), image)
    assert (grey[..., 0] == grey[..., 1]).all()


def test_boxes_that_may_be_of_unknown_people_are_neither_right_nor_wrong(data: Path) -> None:
    photograph = by_image(load_coco(data))[0]
    item = view(np.random.default_rng(1), photograph, Backgrounds([]), 128)
    counted = np.ones_like(item.counted)
    counted[2, 2] = 0
    item = replace(item, boxes=np.array([[60.0, 60, 90, 120]]), counted=counted)
    scores, sides = np.zeros((16, 16), np.float32), np.full((4, 16, 16), 8.0, np.float32)
    scores[2, 2], scores[2, 12], scores[11, 9] = 0.9, 0.8, 0.7
    sides[:, 11, 9] = (15.5, 31.5, 14.5, 28.5)  # about (75.5, 91.5)
    values = measure([scores], [sides], [item], slice(None))
    assert (values["recall"], values["precision"]) == (1.0, 0.5)
    assert values["ap"] == 0.5


RECIPE = FinderRecipe(
    name="tiny",
    network=FinderConfig(width=8, blocks=1),
    input_size=64,
    synth=replace(FINDER_RECIPES["finder"]().synth, size=64),
    num_people=6,
    chunk_steps=4,
    batch_size=4,
    held_out=6,
    train=TrainConfig(steps=8, lr=5e-3, validate_every=8, log_every=4, threads=1, seed=3, norm_batches=2),
)


@pytest.fixture
def recipe(grey: Path, data: Path) -> FinderRecipe:
    return replace(RECIPE, backgrounds=(grey,), photographs=(data,))


def test_batches_go_on_where_they_stopped(recipe: FinderRecipe) -> None:
    every = list(FinderStage(recipe).batches(0, CPU, 0, 1))
    assert len(every) == 8
    for start in (2, 5):
        for ours, theirs in zip(FinderStage(recipe).batches(start, CPU, 0, 1), every[start:], strict=True):
            for a, b in zip(vars(ours).values(), vars(theirs).values(), strict=True):
                torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
    sums = {batch.images.sum().item() for batch in [*every, *islice(FinderStage(recipe).batches(0, CPU, 1, 2), 3)]}
    assert len(sums) == 11


def test_a_resumed_run_ends_with_the_same_bits(recipe: FinderRecipe, tmp_path: Path) -> None:
    train(FinderStage(recipe), recipe.train, tmp_path / "whole")
    short = StopAt(recipe, 5)
    assert train(short, recipe.train, tmp_path / "parts").step == 5
    result = train(FinderStage(recipe), recipe.train, tmp_path / "parts", resume=True)
    assert result.step == 8 and 0 <= result.metrics["scenes_recall"] <= 1 and "photographs_recall" in result.metrics
    whole, parts = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "parts"))
    for name in ("model", "ema"):
        assert all(torch.equal(whole[name][key], value) for key, value in parts[name].items())


class StopAt(FinderStage):
    """A stage whose data ends early."""

    def __init__(self, recipe: FinderRecipe, end: int) -> None:
        super().__init__(recipe)
        self._end = end

    def batches(self, start_step: int, *others):  # type: ignore[no-untyped-def]
        return islice(super().batches(start_step, *others), self._end - start_step)


def test_the_finder_learns_four_scenes(grey: Path) -> None:
    items = [compose(np.random.default_rng(seed), [red_person()], Backgrounds([grey]), PLAIN, 64) for seed in range(8)]
    batch, stage = FinderBatch.of(items, CPU), FinderStage(RECIPE)
    torch.manual_seed(0)
    model = stage.build_model().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    values = []
    for _ in range(40):
        loss, _ = stage.loss(model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.3 * values[0]
