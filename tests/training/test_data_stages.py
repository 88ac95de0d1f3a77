"""Both stages on a data set of drawn people: the order, the curves, and what does not fit together."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from hourlift.data.dataset import Counts, DataSet
from hourlift.data.frame_id import FrameId
from hourlift.data.human36m.protocol import SPLITS
from hourlift.data.sample import Sample
from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import Crop, box_from_joints
from hourlift.hourglass import policies
from hourlift.hourglass.augment import AugmentConfig
from hourlift.hourglass.network import HourglassConfig
from hourlift.lifter.network import LifterConfig
from hourlift.lifter.normalize import crop_offsets, denormalize, normalize_joints
from hourlift.synth.core.draw import Draw
from hourlift.training.engine.loop import TrainConfig, train
from hourlift.training.hourglass.crops import cut, load
from hourlift.training.hourglass.data_stage import HourglassDataRecipe, HourglassDataStage
from hourlift.training.hourglass.measures import batch_accuracy
from hourlift.training.lifter.baselines import baselines
from hourlift.training.lifter.data_stage import LifterDataRecipe, LifterDataStage, collect
from hourlift.training.lifter.detection_errors import DetectionErrors
from hourlift.training.people import TrainingData, rows_of_step

CPU = torch.device("cpu")
CAMERA = Camera(fx=200.0, fy=200.0, cx=63.5, cy=47.5, image_wh=(128, 96))
TRAIN = TrainConfig(steps=8, lr=2e-3, bf16=False, channels_last=False, threads=1, seed=3, validate_every=4)
HOURGLASS = HourglassDataRecipe(
    name="tiny",
    network=HourglassConfig(num_stacks=1, width=16, num_joints=17, depth=2),
    policy=policies.FRSOS,
    input_size=32,
    batch_size=4,
    read_workers=0,
    held_out=4,
    train=TRAIN,
)


def person(number: int, subject: str | None = None) -> Sample:
    """A person about 4 m away, drawn as a bright dot on every joint."""
    rng = np.random.default_rng(number)
    joints_mm = rng.normal(scale=300, size=(17, 3)) + [rng.normal(scale=200), 0, 4000]
    joints_px = CAMERA.project(joints_mm)
    image = np.full((96, 128, 3), 20, np.uint8)
    for x, y in joints_px.round().astype(int):
        if 0 < x < 127 and 0 < y < 95:
            image[y - 1 : y + 2, x - 1 : x + 2] = 250
    source = FrameId(subject=subject or "S1", action="Walking", camera="cam1", frame=number + 1)
    return Sample(
        id=str(source) if subject else f"person-{number}",
        image=image,
        image_wh=(128, 96),
        joints_2d_px=joints_px.astype(np.float32),
        visible=np.ones(17, dtype=bool),
        box_xyxy_px=box_from_joints(joints_px).astype(np.float32),
        joints_3d_cam_mm=joints_mm.astype(np.float32),
        camera=CAMERA,
    )


def data_set(people: list[Sample], splits: tuple[str, ...] = ("all",)) -> DataSet:
    subjects = tuple(sorted({sample.frame_id.subject for sample in people if sample.frame_id}))

    def read(split: str, stride: int, images: bool) -> Iterator[Sample]:
        chosen = [s for s in people if split == "all" or s.frame_id is None or s.frame_id.subject in SPLITS[split]]
        return iter(chosen[::stride])

    counts = Counts(people=len(people), subjects=subjects)
    return DataSet(name="drawn people", folder=None, counts=counts, splits=splits, has_3d=True, read=read)


def test_everybody_comes_once_before_anybody_comes_again() -> None:
    rows = np.concatenate([rows_of_step(10, 4, 0, step, rank, 2) for step in range(5) for rank in range(2)])
    assert [sorted(turn) for turn in rows.reshape(4, 10).tolist()] == [list(range(10))] * 4
    assert len({tuple(turn) for turn in rows.reshape(4, 10).tolist()}) == 4  # each time in another order
    assert not np.array_equal(rows_of_step(10, 10, 1, 0, 0, 1), rows_of_step(10, 10, 0, 0, 0, 1))


def test_subjects_train_or_judge() -> None:
    people = [person(i, subject) for i, subject in enumerate(["S1", "S5", "S8", "S9", "S8"])]
    data = data_set(people, splits=tuple(SPLITS))
    parts = TrainingData(data=data, train_split="report-train", val_split="report-validate")
    assert [s.frame_id.subject for s in parts.train_people()] == ["S1", "S5"]
    assert [s.frame_id.subject for s in parts.val_people()] == ["S8", "S8"]
    everybody = TrainingData(data=data, train_split="train", val_split="test", stride=2)
    assert [s.frame_id.subject for s in everybody.train_people()] == ["S1", "S8"]
    with pytest.raises(ValueError, match=r"no split 'report-validate'; it has report-train, train"):
        lacking = data_set(people[:2], splits=("report-train", "train", "all"))
        TrainingData(data=lacking, train_split="report-train", val_split="report-validate")


def test_people_without_subjects_are_divided_by_counting() -> None:
    people = [person(i) for i in range(25)]
    parts = TrainingData(data=data_set(people), train_split="report-train", val_split="report-validate")
    train_people, val_people = [s.id for s in parts.train_people()], [s.id for s in parts.val_people()]
    assert val_people == ["person-9", "person-19"]
    assert len(train_people) == 23 and not set(train_people) & set(val_people)
    assert "every tenth person" in str(parts)


def test_other_data_sets_have_splits_of_their_own() -> None:
    parts = TrainingData(
        data=data_set([], splits=("train2017", "val2017", "all")), train_split="report-train", val_split="x"
    )
    assert parts.split_names == ("train2017", "val2017")


def test_crops_show_the_person_whether_the_picture_is_a_file_or_not(tmp_path) -> None:
    import cv2

    inside = person(3)
    cv2.imwrite(str(tmp_path / "a.png"), inside.load_image())
    on_disk = replace(inside, image=tmp_path / "a.png")
    batch = load(cut([inside, on_disk], 64))
    assert batch.images.shape == (2, 3, 64, 64) and batch.images.dtype == torch.uint8
    assert (batch.images[0].float() - batch.images[1].float()).abs().mean() < 3  # JPEG
    for x, y in batch.joints_px[0].round().long().tolist():
        assert batch.images[0, :, y, x].min() > 80  # on the dot, and the background is 20
    with pytest.raises(ValueError, match=r"b\.png does not exist, but sample person-3"):
        cut([replace(inside, image=tmp_path / "b.png")], 64)
    with pytest.raises(ValueError, match="no person in the data set"):
        cut([replace(inside, joints_2d_px=np.full((17, 2), np.nan, np.float32))], 64)


@pytest.fixture(scope="module")
def hourglass() -> HourglassDataStage:
    people = cut([person(i) for i in range(12)], HOURGLASS.input_size)
    return HourglassDataStage(HOURGLASS, people[:9], people[9:])


def test_batches_go_on_where_they_stopped(hourglass: HourglassDataStage) -> None:
    batches = list(hourglass.batches(0, CPU, 0, 1))
    resumed = list(hourglass.batches(5, CPU, 0, 1))
    assert len(batches) == 8 and len(resumed) == 3
    for ours, theirs in zip(resumed, batches[5:], strict=True):
        assert torch.equal(ours.images, theirs.images) and torch.equal(ours.joints, theirs.joints)
    other = next(hourglass.batches(0, CPU, 1, 2))
    assert not torch.equal(other.images, batches[0].images)


def test_our_own_augmentation_takes_the_place_of_a_policy() -> None:
    people = [person(i) for i in range(4)]
    people[0].joints_2d_px[5] = np.nan
    crops = cut(people, HOURGLASS.input_size)
    stage = HourglassDataStage(replace(HOURGLASS, policy=AugmentConfig(flip=0.0, grey=1.0)), crops, crops)
    batch = next(stage.batches(0, CPU, 0, 1))
    torch.testing.assert_close(batch.images[:, 0], batch.images[:, 2])
    unknown = batch.joints.isnan().any(-1)
    assert unknown.sum() == 1 and (batch.weights[unknown] == 0).all() and batch.weights.sum() > 50


def test_a_hourglass_trains_and_tells_its_curves(hourglass: HourglassDataStage, tmp_path) -> None:
    result = train(hourglass, TRAIN, tmp_path)
    assert result.step == 8 and set(result.metrics) == {"pck", "accuracy", "swapped", "collapsed"}
    log = (tmp_path / "log.jsonl").read_text()
    assert '"accuracy"' in log and '"val_accuracy"' in log


def test_accuracy_of_a_batch_counts_half_a_tenth_of_the_side() -> None:
    joints = torch.tensor([[[10.0, 20.0], [30.0, 30.0], [70.0, 5.0], [8.0, 8.0]]])
    heatmaps = torch.zeros(1, 4, 64, 64)
    heatmaps[0, 0, 20, 13] = 1  # 3 cells off: right
    heatmaps[0, 1, 34, 30] = 1  # 4 cells off: wrong
    heatmaps[0, 3, 8, 8] = 1  # right, but not to be counted; the third lies outside
    weights = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    assert batch_accuracy(heatmaps, joints, weights).item() == 0.5


LIFTER = LifterDataRecipe(
    name="tiny", network=LifterConfig(width=64, dropout=0.0), batch_size=8, held_out=100, epochs=3, train=TRAIN
)


def test_pairs_of_the_crop_are_crop_offsets_and_pairs_of_rays_are_lift_inputs() -> None:
    people = [person(i) for i in range(5)]
    joints_px = np.stack([sample.camera.project(sample.joints_3d_cam_mm) for sample in people])
    rows, nothing = torch.arange(5), Draw(0, 5)
    batch = collect(people, "crop").batch(rows, "crop", None, nothing)
    expected = crop_offsets(joints_px, np.stack([sample.box_xyxy_px for sample in people]))
    torch.testing.assert_close(batch.rays, torch.from_numpy(expected), atol=1e-3, rtol=0)
    true = np.stack([sample.joints_3d_cam_mm for sample in people])
    torch.testing.assert_close(batch.joints_mm, torch.from_numpy(true - true[:, :1]), atol=1e-3, rtol=0)
    batch = collect(people, "rays").batch(rows, "rays", None, nothing)
    expected = normalize_joints(joints_px, CAMERA)
    torch.testing.assert_close(batch.rays, torch.from_numpy(expected.rays), atol=1e-4, rtol=0)
    back = denormalize(batch.joints_mm.numpy(), expected.rotation)
    np.testing.assert_allclose(back, true - true[:, :1], atol=0.01)


def test_detections_take_the_place_of_the_true_joints() -> None:
    people = [person(i) for i in range(4)]
    detected = {sample.id: sample.joints_2d_px + 5 * i for i, sample in enumerate(people)}
    detected["person-3"] = np.full((17, 2), np.nan)
    pairs = collect(people, "crop", detected)
    assert (len(pairs), pairs.left_out) == (3, 1)
    true = collect(people[:3], "crop")
    crop = Crop.from_box(people[2].box_xyxy_px, 256)
    torch.testing.assert_close(pairs.seen[2] - true.seen[2], torch.full((17, 2), 10 * crop.scale), atol=1e-2, rtol=0)
    with pytest.raises(ValueError, match="no person person-2: it was made from other or fewer data"):
        collect(people, "crop", {sample.id: sample.joints_2d_px for sample in people[:2]})
    with pytest.raises(ValueError, match="person-0 has no joints in millimetres"):
        collect([replace(people[0], joints_3d_cam_mm=None)], "crop")


@pytest.mark.parametrize("loss", ["l2", "compositional", "weighted"])
@pytest.mark.parametrize("inputs", ["crop", "rays"])
def test_a_lifter_learns_from_pairs(loss: str, inputs: str, tmp_path) -> None:
    pairs = collect([person(i) for i in range(40)], inputs)
    recipe = replace(LIFTER, loss=loss, inputs=inputs).with_steps_of(40)
    assert (recipe.train.steps, recipe.train.validate_every) == (15, 5)
    stage = LifterDataStage(replace(recipe, train=replace(recipe.train, steps=60, ema_decay=0.5)), pairs, pairs)
    with torch.no_grad():
        first = stage.validate(stage.build_model().eval(), CPU)
    result = train(stage, stage.recipe.train, tmp_path)
    assert result.metrics["mpjpe"] < 0.7 * first["mpjpe"]
    assert stage.meta["inputs"] == inputs


def test_errors_are_drawn_anew_for_every_step_and_alike_for_every_run() -> None:
    pairs = collect([person(i) for i in range(8)], "crop")
    stage = LifterDataStage(replace(LIFTER, errors=DetectionErrors()), pairs, pairs)
    batches, again = (list(stage.batches(0, CPU, 0, 1)) for _ in range(2))
    assert all(torch.equal(a.rays, b.rays) for a, b in zip(batches, again, strict=True))
    assert torch.equal(next(stage.batches(5, CPU, 0, 1)).rays, batches[5].rays)
    assert len({batch.rays.sum().item() for batch in batches}) == len(batches)


def test_baselines_answer_the_mean_and_the_nearest() -> None:
    pairs = collect([person(i) for i in range(30)], "rays")
    known = pairs.batch(torch.arange(30), "rays", None, Draw(0, 30))
    scores = baselines(known, known)
    assert scores["nearest_mpjpe"] < 1e-3  # everybody is nearest to themselves
    centred = known.joints_mm - known.joints_mm.mean(0)
    assert scores["mean_pose_mpjpe"] == pytest.approx(centred.norm(dim=-1).mean().item(), rel=1e-4)
    others = LifterDataStage(LIFTER, collect([person(i) for i in range(30)], "crop"), pairs).baselines(most=10)
    assert others["nearest_mpjpe"] > 100
