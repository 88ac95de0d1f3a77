"""Networks with outputs for the feet, and data that knows them or does not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hourlift.data.images.coco import load_coco, write_coco
from hourlift.data.sample import VISIBLE, Sample
from hourlift.export.models import export_hourglass
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17, H36M21, skeleton_of
from hourlift.hourglass.augment import AugmentConfig, augment
from hourlift.hourglass.loss import activate
from hourlift.hourglass.network import HourglassConfig, StackedHourglass
from hourlift.predict.models.runtime import Model
from hourlift.training.hourglass.crops import cut, load


def _sample(feet: bool) -> Sample:
    rng = np.random.default_rng(0)
    joints = rng.uniform(20, 80, (17, 2)).astype(np.float32)
    sample = Sample(
        id="7",
        image=rng.integers(0, 255, (100, 100, 3), np.uint8),
        joints_2d_px=joints,
        visible=np.ones(17, bool),
        box_xyxy_px=np.array([10, 10, 90, 90], np.float32),
        joints_3d_cam_mm=rng.normal(0, 500, (17, 3)).astype(np.float32),
    )
    if not feet:
        return sample
    return replace(
        sample,
        feet_2d_px=np.array([[30, 90], [35, 91], [60, 90], [np.nan, np.nan]], np.float32),
        feet_3d_cam_mm=rng.normal(0, 500, (4, 3)).astype(np.float32),
        feet_visibility=np.array([VISIBLE, 1, VISIBLE, 0], np.uint8),
    )


def test_mirrored_feet_change_sides() -> None:
    assert skeleton_of(21) is H36M21
    swapped = [H36M21.joint_names[i] for i in H36M21.flip_permutation[17:]]
    assert swapped == ["r_heel", "r_big_toe", "l_heel", "l_big_toe"]
    with pytest.raises(ValueError, match="not 18"):
        skeleton_of(18)


def test_a_flip_moves_the_feet_as_it_moves_the_ankles() -> None:
    joints = torch.from_numpy(np.random.default_rng(1).uniform(5, 59, (6, 21, 2)).astype(np.float32))
    ankles = H36M17.indices(*(f"{point[0]}_ankle" for point in FOOT_POINTS))
    joints[:, 17:] = joints[:, ankles]
    images = torch.zeros(6, 3, 64, 64, dtype=torch.uint8)
    config = AugmentConfig(flip=0.5, rotation_deg=20, zoom=(0.9, 1.2))
    _, moved, known = augment(images, joints, 64, config, torch.Generator().manual_seed(3))
    torch.testing.assert_close(moved[:, 17:], moved[:, ankles])
    assert torch.equal(known[:, 17:], known[:, ankles])


def test_crops_with_feet_mask_what_a_data_set_lacks() -> None:
    annotated, untold = (load(cut([_sample(feet)], 64, feet=True)) for feet in (True, False))
    assert annotated.joints_px.shape == (1, 21, 2)
    assert annotated.joints_px[0, 17:].isfinite().all(-1).tolist() == [True, True, True, False]
    assert untold.joints_px[0, 17:].isnan().all()
    assert torch.equal(annotated.joints_px[:, :17], untold.joints_px[:, :17])


def test_feet_survive_a_coco_file(tmp_path: Path) -> None:
    write_coco([_sample(True)], tmp_path / "set")
    (again,) = load_coco(tmp_path / "set")
    np.testing.assert_allclose(again.feet_2d_px, _sample(True).feet_2d_px, atol=0.01)
    np.testing.assert_allclose(again.joints_2d_px, _sample(True).joints_2d_px, atol=0.01)
    np.testing.assert_allclose(again.joints_3d_cam_mm, _sample(True).joints_3d_cam_mm, atol=0.1)


def test_an_export_has_an_output_for_the_feet(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=2, width=16, num_joints=21, depth=2, num_parts=3)).eval()
    exported = export_hourglass(
        network, tmp_path / "feet.onnx", name="feet", input_size=32, loss="cross_entropy", sigma=1.0
    )
    model = Model(exported.file, "hourglass", threads=1)
    image = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    heatmaps, feet = model.run_all(image)
    assert (heatmaps.shape, feet.shape) == ((2, 17, 8, 8), (2, 4, 8, 8))
    with torch.inference_mode():
        pixels = torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255
        wanted = activate(network(pixels)[-1], "cross_entropy", 1.0).numpy()
    np.testing.assert_allclose(np.concatenate([heatmaps, feet], axis=1), wanted, atol=0.05)
    assert model.contract["foot_points"] == list(FOOT_POINTS)
