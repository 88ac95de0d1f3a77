"""What the lifter is told of people in training, and the mistakes of a hourglass made again."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.core.draw import Draw
from hourlift.training.lifter.detection_errors import DetectionErrors, MeasuredErrors, disturb, person_size
from hourlift.training.lifter.seen import SeenShares, Sight, see

COUNT = 600
NO_ERRORS = DetectionErrors(jitter=(1e-9, 1e-9), outliers=(0.0, 0.0), swapped=0.0, collapsed=0.0)
FLIP = torch.from_numpy(H36M17.flip_permutation)


@pytest.fixture
def joints() -> torch.Tensor:
    """People in camera axes, mm."""
    return torch.randn(COUNT, 17, 3, generator=torch.Generator().manual_seed(0)) * 300 + torch.tensor([0, 0, 4000.0])


def plane(joints: torch.Tensor) -> torch.Tensor:
    return joints[..., :2] / joints[..., 2:]


def test_whole_limbs_are_exchanged_together(joints: torch.Tensor) -> None:
    true = plane(joints)
    found = disturb(Draw(1, COUNT), true, replace(NO_ERRORS, limbs_swapped=0.3))
    legs, arms = [1, 2, 3, 4, 5, 6], [11, 12, 13, 14, 15, 16]
    swapped = (found - true[:, FLIP]).abs().amax(-1) < 1e-5
    for limb in (legs, arms):
        assert (swapped[:, limb].all(1) == swapped[:, limb].any(1)).all()
        assert swapped[:, limb].all(1).float().mean().item() == pytest.approx(0.3, abs=0.06)
    turned = disturb(Draw(1, COUNT), true, replace(NO_ERRORS, body_swapped=1.0))
    torch.testing.assert_close(turned, true[:, FLIP], atol=1e-6, rtol=0)


def test_mistakes_that_were_measured_are_made_again(joints: torch.Tensor) -> None:
    """Measured on one person and done to the same person, mistakes are what they were, or their mirror image."""
    true = plane(joints)[:1]
    found = true.clone()
    found[:, [3, 6]] = true[:, [6, 3]]  # ankles exchanged
    found[:, 13] = true[:, 16]  # the left wrist on the right one
    found[:, 10] += 0.8 * person_size(true)[:, None] * torch.tensor([0.6, 0.8])
    confidence = torch.linspace(0.2, 1, 17)[None]
    errors = MeasuredErrors.of(found, confidence, true)
    assert errors.at_other[0].nonzero()[:, 0].tolist() == [3, 6, 13]
    torch.testing.assert_close(errors.offset[0, 10], torch.tensor([0.48, 0.64]), atol=1e-5, rtol=0)
    places, sure = errors.apply(Draw(0, 200), true.expand(200, -1, -1))
    as_found = (places - found).abs().amax((1, 2)) < 1e-5
    assert 0.35 < as_found.float().mean() < 0.65
    other = places[~as_found]
    torch.testing.assert_close(other[:, [3, 6]], true[:, [6, 3]].expand(len(other), -1, -1), atol=1e-5, rtol=0)
    torch.testing.assert_close(other[:, 16], true[:, 13].expand(len(other), -1), atol=1e-5, rtol=0)
    assert (sure[as_found][:, 1:] >= sure[as_found][:, :-1] - 1e-6).all()  # another scale, the same order


def test_shares_are_kept(joints: torch.Tensor) -> None:
    true = plane(joints)
    far = MeasuredErrors.of((true[:1] + 50), torch.full((1, 17), 0.5), true[:1])
    shares = SeenShares(exact=0.25, measured=0.5, confidence=0.0, size=0.6, lens=0.4)
    sight = see(Draw(3, COUNT), joints, replace(NO_ERRORS, jitter=(0.05, 0.05)), shares, far)
    known = sight.size_known
    assert known.float().mean().item() == pytest.approx(0.6, abs=0.06)
    off = ((sight.places - true)[known].norm(dim=-1) / person_size(true)[known, None]).mean(1)
    assert (off < 0.02).float().mean().item() == pytest.approx(0.25, abs=0.07)
    assert (off > 10).float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert ((sight.confidence < 1).all(1)).float().mean().item() == pytest.approx(0.5, abs=0.06)


def test_an_unknown_lens_stretches_the_picture_about_its_middle(joints: torch.Tensor) -> None:
    shares = SeenShares(confidence=0.0, size=0.0, lens=0.3)
    sight = see(Draw(4, COUNT), joints, NO_ERRORS, shares)
    factor = (sight.places / plane(joints)).flatten(1)
    torch.testing.assert_close(factor, factor[:, :1].expand_as(factor), atol=1e-2, rtol=1e-2)
    assert factor[:, 0].log().std().item() == pytest.approx(0.3, rel=0.1)
    assert not sight.size_known.any()


def test_joints_go_missing_but_never_all(joints: torch.Tensor) -> None:
    errors = replace(NO_ERRORS, missing=(1.0, 1.0))
    sight = see(Draw(5, COUNT), joints, errors, SeenShares(confidence=0.0))
    lacking = (sight.confidence == 0).float().mean(1)
    assert lacking.max() <= 14 / 17 and 0.4 < lacking.mean() < 0.6
    assert not (see(Draw(5, COUNT), joints, errors, SeenShares(), has_confidence=False).confidence == 0).any()
    tenth = Sight.exact(joints).without(Draw(0, COUNT), 0.1).confidence == 0
    assert tenth.float().mean().item() == pytest.approx(0.1, abs=0.01)


def test_confidence_falls_with_the_error(joints: torch.Tensor) -> None:
    errors = replace(NO_ERRORS, jitter=(0.01, 0.3))
    sight = see(Draw(6, COUNT), joints, errors, SeenShares(confidence=1.0, size=1.0))
    off = (sight.places - plane(joints)).norm(dim=-1) / person_size(plane(joints))[:, None]
    assert np.corrcoef(off.flatten(), sight.confidence.flatten())[0, 1] < -0.5
    assert sight.confidence.min() > 0 and sight.confidence.max() <= 1
