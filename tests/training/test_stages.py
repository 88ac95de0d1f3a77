"""Both stages as the training loop sees them, on people few and small."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hourlift.geometry.skeleton import H36M17
from hourlift.hourglass.augment import AugmentConfig
from hourlift.hourglass.network import HourglassConfig
from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.synth.body.parametric import Body
from hourlift.synth.body.parts import PARTS
from hourlift.synth.camera.views import ViewConfig
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import RAD, axis_angle
from hourlift.synth.generate import SynthConfig
from hourlift.synth.pose.mix import UPRIGHT, PoseMix
from hourlift.synth.pose.retarget import landmarks
from hourlift.synth.scene.config import SceneConfig
from hourlift.training.engine.loop import Stage, TrainConfig, train
from hourlift.training.hourglass.stage import HourglassRecipe, HourglassStage
from hourlift.training.lifter.detection_errors import DetectionErrors, add_errors
from hourlift.training.lifter.stage import HELD_OUT_SUBJECTS, LifterRecipe, LifterStage
from hourlift.training.recipes import HOURGLASS_RECIPES, LIFTER_RECIPES
from hourlift.training.rendered import Curriculum, RenderPlan, ramp

CPU = torch.device("cpu")
TRAIN = TrainConfig(steps=10, lr=2e-3, bf16=False, channels_last=False, threads=1, seed=3)
NO_ERRORS = DetectionErrors(jitter=(1e-12, 1e-12), outliers=(0.0, 0.0), swapped=0.0, collapsed=0.0)

HOURGLASS = HourglassRecipe(
    name="tiny",
    network=HourglassConfig(num_stacks=1, width=16, num_joints=17, depth=2, num_parts=len(PARTS)),
    input_size=32,
    mild=AugmentConfig(),
    strong=AugmentConfig(rotation_deg=20, zoom=(0.6, 0.9), noise=0.1),
    plan=RenderPlan(
        synth=SynthConfig(size=48, empty_share=0.1),
        curriculum=Curriculum(augmentation=(0.2, 0.6)),
        chunk_size=16,
        reuse=2,
    ),
    batch_size=4,
    render_workers=0,
    held_out=8,
    train=TRAIN,
)
LIFTER = LifterRecipe(
    name="tiny",
    network=LifterConfig(width=64, dropout=0.0),
    poses=PoseMix(),
    views=ViewConfig(),
    errors=DetectionErrors(),
    chunk_size=32,
    reuse=2,
    batch_size=8,
    held_out=64,
    train=TRAIN,
)


@pytest.fixture(scope="module", params=[lambda: HourglassStage(HOURGLASS), lambda: LifterStage(LIFTER)], ids=["1", "2"])
def stage(request: pytest.FixtureRequest) -> Stage:
    make: Callable[[], Stage] = request.param
    return make()


def tensors(batch: object) -> list[Tensor]:
    return list(vars(batch).values())


def test_batches_go_on_where_they_stopped(stage: Stage) -> None:
    all_of_them = list(stage.batches(0, CPU, 0, 1))
    assert len(all_of_them) == TRAIN.steps
    for start in (3, 9):
        resumed = list(stage.batches(start, CPU, 0, 1))
        assert len(resumed) == TRAIN.steps - start
        for ours, theirs in zip(resumed, all_of_them[start:], strict=True):
            assert all(torch.equal(a, b) for a, b in zip(tensors(ours), tensors(theirs), strict=True))


def test_no_two_steps_and_no_two_processes_have_the_same_batch(stage: Stage) -> None:
    batches = [*islice(stage.batches(0, CPU, 0, 2), 5), *islice(stage.batches(0, CPU, 1, 2), 5)]
    assert len({tensors(batch)[0].sum().item() for batch in batches}) == 10


def test_validation_measures_without_training(stage: Stage) -> None:
    torch.manual_seed(0)
    model = stage.build_model().eval()
    with torch.no_grad():
        measures = stage.validate(model, CPU)
        assert measures == stage.validate(model, CPU)
    assert all(np.isfinite(value) for value in measures.values())


def test_a_run_of_the_loop_ends(stage: Stage, tmp_path) -> None:
    result = train(stage, replace(TRAIN, steps=2), tmp_path)
    assert (result.step, result.stopped_by) == (2, "finished")


def losses(stage: Stage, batch: object, steps: int, lr: float) -> list[float]:
    """Loss on one batch while training on it."""
    torch.manual_seed(0)
    model: nn.Module = stage.build_model().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    values = []
    for _ in range(steps):
        loss, _ = stage.loss(model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    return values


def test_the_hourglass_learns_32_pictures() -> None:
    plan = replace(HOURGLASS.plan, chunk_size=32)
    stage = HourglassStage(replace(HOURGLASS, plan=plan, batch_size=32))
    values = losses(stage, next(stage.batches(0, CPU, 0, 1)), steps=25, lr=5e-3)
    assert values[-1] < 0.85 * values[0]


def test_the_lifter_learns_32_people() -> None:
    stage = LifterStage(replace(LIFTER, batch_size=32))
    values = losses(stage, next(stage.batches(0, CPU, 0, 1)), steps=60, lr=3e-3)
    assert values[-1] < 0.3 * values[0]


def test_batches_of_pictures_are_in_heatmap_pixels_and_know_what_they_do_not_know() -> None:
    stage = HourglassStage(replace(HOURGLASS, mild=AugmentConfig(zoom=(0.5, 0.5)), plan=wide_plan()))
    batch = next(stage.batches(0, CPU, 0, 1))
    assert batch.images.shape == (4, 3, 32, 32) and batch.joints.shape == (4, 17, 2)
    assert set(batch.weights.unique().tolist()) == {0.0, 1.0}
    unknown = batch.joints[batch.weights == 0]
    # The image fills the middle half of the crop of 8 heatmap pixels; what is unknown lies around it, in the crop.
    around = ((unknown < 1.5) | (unknown > 5.5)).any(-1)
    assert around.all()
    assert ((unknown > -0.5) & (unknown < 7.5)).all()
    inside = ((batch.joints > 1.5) & (batch.joints < 5.5)).all(-1)
    assert inside.any() and (batch.weights[inside] == 1).all()


def wide_plan() -> RenderPlan:
    """Images that cut people."""
    return replace(HOURGLASS.plan, synth=SynthConfig(size=48, views=ViewConfig(truncated_share=1.0)))


def test_the_curriculum_moves_from_easy_people_to_all() -> None:
    plan = replace(HOURGLASS.plan, curriculum=replace(HOURGLASS.plan.curriculum, clutter=(0.2, 0.6)))
    start = plan.at(0.0)
    assert vars(start.poses) == pytest.approx(vars(UPRIGHT))
    assert start.views.front_share == plan.curriculum.start_share
    assert (start.scene.occluded_share, start.scene.furnished_share, start.scene.bystander_share) == (0, 0, 0)
    assert start.sensor.strength == 0
    assert vars(plan.at(1.0).poses) == pytest.approx(vars(plan.synth.poses))
    assert replace(plan.at(1.0), poses=plan.synth.poses) == plan.synth
    shares = [plan.at(progress).views.front_share for progress in (0.0, 0.1, 0.2, 0.3, 0.5)]
    assert shares == sorted(shares, reverse=True)
    assert plan.at(0.4).sensor.strength == pytest.approx(0.5)
    assert HOURGLASS.plan.at(0.0).scene == HOURGLASS.plan.synth.scene  # clutter is there from the start by default
    assert [ramp(t, (0.2, 0.4)) for t in (0.0, 0.2, 0.3, 0.5)] == pytest.approx([0, 0, 0.5, 1])


def test_parts_are_those_of_the_people_in_the_batch() -> None:
    """Cells at the joints in the middle of limbs and of the trunk show them, mirrored or not."""
    batch = next(HourglassStage(replace(HOURGLASS, plan=replace(HOURGLASS.plan, synth=PLAIN))).batches(0, CPU, 0, 1))
    assert batch.parts is not None and batch.parts.shape == (4, 8, 8)
    right = dict.fromkeys(("l_knee", "r_knee", "l_elbow", "r_elbow"), 0)
    for joint in right:
        x, y = batch.joints[:, H36M17.index(joint)].round().long().clamp(0, 7).unbind(-1)
        seen = [PARTS[part] for part in batch.parts[torch.arange(4), y, x]]
        right[joint] = sum(part[:2] == joint[:2] for part in seen) - sum(part[:2] == _OTHER[joint[0]] for part in seen)
    assert all(balance > 0 for balance in right.values()), right


_OTHER = {"l": "r_", "r": "l_"}
PLAIN = SynthConfig(
    size=48,
    poses=replace(UPRIGHT, stand=1e3),
    views=ViewConfig(front_share=1.0, front_angle=20.0, extreme_share=0.0, truncated_share=0.0, shift=0.0),
    scene=SceneConfig(furnished_share=0.0, occluded_share=0.0, bystander_share=0.0),
)


def test_rendering_ahead_in_another_process_gives_the_same_batches() -> None:
    recipe = replace(HOURGLASS, train=replace(TRAIN, steps=2))
    here, there = (HourglassStage(replace(recipe, render_workers=workers)) for workers in (0, 1))
    for ours, theirs in zip(here.batches(0, CPU, 0, 1), there.batches(0, CPU, 0, 1), strict=True):
        torch.testing.assert_close(tensors(ours), tensors(theirs), atol=1e-5, rtol=0)


def test_what_the_lifter_must_answer_projects_onto_what_it_sees() -> None:
    """Without errors there is a depth d of the root and a scale s with rays s (z + d) = (x, y), for all joints."""
    stage = LifterStage(replace(LIFTER, errors=NO_ERRORS))
    batch = next(stage.batches(0, CPU, 0, 1))
    assert batch.rays[:, 0].abs().max() < 1e-5
    assert batch.joints_mm[:, 0].abs().max() < 1e-3
    torch.testing.assert_close(batch.rays.norm(dim=-1).mean(1), torch.ones(8), atol=1e-4, rtol=0)
    for rays, joints in zip(batch.rays.double(), batch.joints_mm.double(), strict=True):
        system = torch.stack([rays * joints[:, 2:], rays], -1).flatten(0, 1)
        target = joints[:, :2].flatten()
        solution = torch.linalg.lstsq(system, target[:, None]).solution
        scale, scaled_depth = solution[:, 0].tolist()
        assert 1000 < scaled_depth / scale < 20_000
        assert (system @ solution[:, 0] - target).abs().max() < 0.5


def test_the_recipe_names_the_input_and_the_loss() -> None:
    usual = LifterStage(replace(LIFTER, errors=NO_ERRORS))
    other = LifterStage(replace(LIFTER, errors=NO_ERRORS, inputs="crop", loss="compositional"))
    rays, offsets = (next(stage.batches(0, CPU, 0, 1)) for stage in (usual, other))
    assert offsets.rays.norm(dim=-1).mean() > 20  # pixels of a crop, not lengths about 1
    torch.testing.assert_close(offsets.joints_mm.norm(dim=-1), rays.joints_mm.norm(dim=-1), atol=0.05, rtol=0)
    assert usual.meta["inputs"] == "rays" and other.meta["inputs"] == "crop"
    values = losses(other, offsets, steps=40, lr=3e-3)
    assert values[-1] < 0.6 * values[0]


def test_errors_of_detection() -> None:
    joints = torch.randn(400, 17, 3, generator=torch.Generator().manual_seed(0)) * 300 + torch.tensor([0, 0, 4000.0])
    exact = joints[..., :2] / joints[..., 2:]
    torch.testing.assert_close(add_errors(Draw(0, 400), joints, NO_ERRORS), exact, atol=1e-6, rtol=0)
    size = (exact - exact[:, :1]).norm(dim=-1).mean(1)[:, None]
    jittered = add_errors(Draw(0, 400), joints, replace(NO_ERRORS, jitter=(0.05, 0.05)))
    assert ((jittered - exact) / size[..., None]).std().item() == pytest.approx(0.05, rel=0.05)
    swapped = add_errors(Draw(0, 400), joints, replace(NO_ERRORS, swapped=1.0))
    torch.testing.assert_close(swapped[:, [1, 4, 13, 16]], exact[:, [4, 1, 16, 13]], atol=1e-6, rtol=0)
    collapsed = add_errors(Draw(0, 400), joints, replace(NO_ERRORS, collapsed=1.0))
    torch.testing.assert_close(collapsed[:, 1], collapsed[:, 4], atol=1e-6, rtol=0)
    outliers = add_errors(Draw(0, 400), joints, replace(NO_ERRORS, outliers=(0.1, 2.0)))
    assert ((outliers - exact).norm(dim=-1) > 1e-5).float().mean().item() == pytest.approx(0.1, abs=0.01)


def test_statistics_make_the_lifter_standard() -> None:
    model = LifterStage(LIFTER).build_model()
    assert isinstance(model, Lifter)
    assert model.output_std.min() > 20 and model.output_std.max() < 1000
    assert model.input_std.min() > 0.01 and model.input_std.max() < 3


def test_named_recipes_are_complete() -> None:
    for recipe in HOURGLASS_RECIPES.values():
        assert HourglassStage(recipe()).meta["input_size"] == recipe().input_size
    for recipe in LIFTER_RECIPES.values():
        assert LifterStage(recipe()).meta["recipe"] == recipe().name


PERSON = replace(
    LIFTER,
    network=LifterConfig(width=64, dropout=0.0, channels=4, spread=True),
    inputs="person",
    loss="distance",
    bones=0.5,
    mixed_share=0.3,
    errors=DetectionErrors(missing=(0.5, 0.5)),
)


def test_the_lifter_of_people_learns_them_and_how_well_it_knows_them(tmp_path) -> None:
    stage = LifterStage(replace(PERSON, batch_size=32))
    batch = next(stage.batches(0, CPU, 0, 1))
    assert batch.rays.shape == (32, 17, 4) and (batch.rays[..., 2] == 0).any()
    values = losses(stage, batch, steps=80, lr=3e-3)
    assert values[-1] < 0.6 * values[0]
    measures = train(stage, replace(TRAIN, steps=2), tmp_path).metrics
    assert measures["missing_pa_mpjpe"] > 0 and 0 <= measures["wrong_knees"] <= 1


def test_subjects_that_are_held_out_are_not_trained_on(tmp_path) -> None:
    """Motion of two subjects, one of them held out, who bend the left knee by an angle of their own."""
    body = Body()
    clips = []
    for subject, degrees in (("01", 30.0), (HELD_OUT_SUBJECTS[0], 80.0)):
        rotations = torch.eye(3).repeat(8, body.num_bones, 1, 1)
        rotations[:, body.bone["lowerleg01.L"]] = axis_angle(torch.tensor([1.0, 0.0, 0.0]), torch.tensor(degrees * RAD))
        clips.append((subject, landmarks(body, rotations)))
    np.savez(
        tmp_path / "motion.npz",
        positions=np.concatenate([torch.stack(list(places.values()), 1).numpy() for _, places in clips]),
        joints=list(clips[0][1]),
        fps=30.0,
        sequence_id=np.repeat([0, 1], 8),
        sequence_names=["a", "b"],
        action=["walking", "walking"],
        subject=[subject for subject, _ in clips],
    )
    stage = LifterStage(PERSON, tmp_path / "motion.npz")
    for held_out, degrees in ((False, 30.0), (True, 80.0)):
        joints = stage.captured(Draw(0, 40), held_out=held_out)
        hip, knee, ankle = joints[:, H36M17.indices("l_hip", "l_knee", "l_ankle")].unbind(1)
        bend = torch.nn.functional.cosine_similarity(knee - hip, ankle - knee, dim=-1).arccos() / RAD
        assert (bend - degrees).abs().max() < 20
    with torch.no_grad():
        assert "mocap_mpjpe" in stage.validate(stage.build_model().eval(), CPU)
