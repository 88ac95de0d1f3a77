"""Rendered people whose truth fits together."""

import numpy as np
import pytest

from hourlift.evaluation.synthetic import synthetic_samples
from hourlift.geometry.skeleton import H36M17


def test_picture_joints_and_camera_agree() -> None:
    samples = list(synthetic_samples(3, seed=5, size=96))
    assert len({sample.id for sample in samples}) == 3
    for sample in samples:
        image = sample.load_image()
        assert image.shape == (96, 96, 3) and image.std() > 1
        assert sample.camera is not None and sample.joints_3d_cam_mm is not None
        projected = sample.camera.project(sample.joints_3d_cam_mm)
        known = np.isfinite(sample.joints_2d_px).all(axis=-1)
        assert known.sum() > 5
        np.testing.assert_allclose(sample.joints_2d_px[known], projected[known], atol=0.01)
        assert not sample.visible[~known].any()
        low, high = sample.box_xyxy_px[:2], sample.box_xyxy_px[2:]
        assert (low >= -0.5).all() and (high <= 95.5).all()
        assert (sample.joints_2d_px[known] >= low).all() and (sample.joints_2d_px[known] <= high).all()
        height = np.ptp(sample.joints_3d_cam_mm, axis=0).max()
        assert 400 < height < 2600  # millimetres
        left, right = H36M17.indices("l_hip", "r_hip")
        assert np.linalg.norm(sample.joints_3d_cam_mm[left] - sample.joints_3d_cam_mm[right]) < 450


def test_the_same_seed_gives_the_same_people() -> None:
    first, again = (next(iter(synthetic_samples(1, seed=9, size=64))) for _ in range(2))
    np.testing.assert_array_equal(first.load_image(), again.load_image())
    np.testing.assert_array_equal(first.joints_2d_px, again.joints_2d_px)


def test_all_presets_are_as_many_of_each() -> None:
    mixed = list(synthetic_samples(10, seed=9, size=64, kind="all"))
    assert len(mixed) == 10
    for number, kind in ((1, "everyday"), (5, "sport"), (9, "studio")):
        *_, alone = synthetic_samples(number + 1, seed=9, size=64, kind=kind)
        np.testing.assert_array_equal(mixed[number].load_image(), alone.load_image())
        np.testing.assert_array_equal(mixed[number].joints_2d_px, alone.joints_2d_px)


def test_there_is_no_such_preset() -> None:
    with pytest.raises(ValueError, match="no preset 'sports'; the presets are everyday"):
        synthetic_samples(1, kind="sports")
