"""What the sensor does has closed forms on plain images."""

from dataclasses import replace

import pytest
import torch

from hourlift.synth.camera.jpeg import RGB_TO_YCC
from hourlift.synth.camera.sensor import (
    OFF,
    SensorConfig,
    Sensors,
    convolve,
    expose,
    point_spread,
    sample_sensors,
    sense,
)
from hourlift.synth.core.draw import Draw

SIDE = 48


def ideal(count: int) -> Sensors:
    """Cameras that do nothing."""
    zero, one = torch.zeros(count), torch.ones(count)
    return Sensors(
        radius=zero, streak=zero, direction=zero, resolution=one, auto_exposure=zero,
        gain=torch.ones(count, 3), contrast=zero, vignette=zero, saturation=one, shot=zero,
        read=zero, chroma=zero, halo=zero, quality=zero,
        noise_place=torch.zeros(count, 2, dtype=torch.long),
    )  # fmt: skip


def plain(*rgb: float, count: int = 1, side: int = SIDE) -> torch.Tensor:
    return torch.tensor(rgb)[None, :, None, None].expand(count, 3, side, side).contiguous()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(6, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def luma(images: torch.Tensor) -> torch.Tensor:
    return torch.einsum("c,bchw->bhw", RGB_TO_YCC[0], images)


def test_off_is_the_identity(images: torch.Tensor) -> None:
    assert sense(Draw(0, 6), images, OFF) is images
    torch.testing.assert_close(expose(images, ideal(6)), images, atol=2e-6, rtol=0)


def test_the_same_seed_gives_the_same_pictures(images: torch.Tensor) -> None:
    before = images.clone()
    first, again, other = (sense(Draw(seed, 6), images, SensorConfig()) for seed in (3, 3, 4))
    assert (images == before).all()
    assert (first == again).all() and (first != other).any()
    assert first.shape == images.shape and first.dtype == images.dtype
    assert first.min() >= 0 and first.max() <= 1


def test_a_picture_does_not_depend_on_its_neighbours(images: torch.Tensor) -> None:
    sensors = sample_sensors(Draw(8, 6), SensorConfig(strength=2.0))
    together = expose(images, sensors)
    alone = torch.cat([expose(images[i : i + 1], sensors.map(lambda t, i=i: t[i : i + 1])) for i in range(6)])
    torch.testing.assert_close(together, alone, atol=0.02, rtol=0)  # a coefficient of JPEG may round the other way
    assert (together - alone).abs().mean() < 1e-4


def test_shares_and_levels() -> None:
    config = SensorConfig()
    sensors = sample_sensors(Draw(0, 20_000), config)
    for share, there in (
        (config.blur_share, sensors.radius > 0),
        (config.motion_share, sensors.streak > 0),
        (config.low_resolution_share, sensors.resolution < 1),
        (config.vignette_share, sensors.vignette > 0),
        (config.grey_share, sensors.saturation == 0),
        (config.noise_share, sensors.read > 0),
        (config.sharpen_share, sensors.halo > 0),
        (config.jpeg_share, sensors.quality > 0),
    ):
        assert there.float().mean() == pytest.approx(share, abs=0.015)
    quality = sensors.quality[sensors.quality > 0]
    assert quality.max() <= config.jpeg_quality[1] and 0.02 < (quality < 35).float().mean() < 0.15
    assert (quality == quality.round()).all()
    weak = sample_sensors(Draw(0, 2000), replace(config, strength=0.1))
    assert weak.radius.max() < sensors.radius.max() / 3 and (weak.gain - 1).abs().mean() < 0.1


def test_a_point_spreads_to_a_disc_along_a_line() -> None:
    length = torch.tensor([0.0, 0.0, 6.0, 6.0])
    kernels = point_spread(torch.tensor([0.0, 3.0, 0.0, 0.0]), length, torch.tensor([0.0, 1.0, 0.0, torch.pi / 2]))
    torch.testing.assert_close(kernels.sum((1, 2)), torch.ones(4))
    middle = kernels.shape[-1] // 2
    assert kernels[0, middle, middle] == 1
    assert (kernels[1] > 0).sum() == pytest.approx(torch.pi * 3.5**2, abs=5)
    torch.testing.assert_close(kernels[2, middle, middle - 3 : middle + 4], torch.full((7,), 1 / 7))
    torch.testing.assert_close(kernels[3], kernels[2].T)


def test_blur_keeps_plain_pictures_and_spreads_a_point() -> None:
    kernels = point_spread(torch.tensor([2.5, 1.0]), torch.tensor([4.0, 0.0]), torch.tensor([0.3, 0.0]))
    even = plain(0.2, 0.5, 0.9, count=2)
    torch.testing.assert_close(convolve(even, kernels), even)
    point = torch.zeros(2, 3, SIDE, SIDE)
    point[..., 20, 30] = 1
    out, reach = convolve(point, kernels), kernels.shape[-1] // 2
    torch.testing.assert_close(
        out[:, 1, 20 - reach : 21 + reach, 30 - reach : 31 + reach], kernels, atol=1e-6, rtol=0
    )  # symmetric about its middle
    still = replace(ideal(2), radius=torch.tensor([0.0, 0.05]))
    seen = expose(point, still)
    torch.testing.assert_close(seen[0], point[0], atol=2e-6, rtol=0)
    assert seen[1].max() < 0.2


@pytest.mark.parametrize("factor", [0.7, 0.5, 0.35, 0.25])
def test_low_resolution_loses_detail_and_keeps_the_mean(factor: float, images: torch.Tensor) -> None:
    out = expose(images, replace(ideal(6), resolution=torch.full((6,), factor)))
    assert out.std() < 0.8 * images.std()
    torch.testing.assert_close(out.mean((2, 3)), images.mean((2, 3)), atol=0.03, rtol=0)


def test_exposure_cast_contrast_and_vignette_of_plain_pictures() -> None:
    gain = torch.tensor([[1.2, 1.0, 0.8]])
    out = expose(plain(0.5, 0.5, 0.5), replace(ideal(1), gain=gain))
    torch.testing.assert_close(out, plain(0.6, 0.5, 0.4), atol=2e-6, rtol=0)
    steep = replace(ideal(3), contrast=torch.full((3,), 0.4))
    greys = torch.cat([plain(0.0, 0.5, 1.0), plain(0.49, 0.5, 0.51), plain(0.25, 0.5, 0.75)])
    out = expose(greys, steep)
    torch.testing.assert_close(out[0], greys[0], atol=2e-6, rtol=0)
    assert out[1, 2, 0, 0] - out[1, 0, 0, 0] == pytest.approx(0.02 * 1.4, rel=0.01)
    assert out[2, 0, 0, 0] == pytest.approx(0.25 - 4 * 0.4 * 0.25 * 0.75 * 0.25, abs=1e-5)
    dark = expose(plain(0.8, 0.8, 0.8), replace(ideal(1), vignette=torch.tensor([0.5])))
    assert dark[0, 0, 0, 0] == pytest.approx(0.4, abs=1e-5)
    assert dark[0, 0, SIDE // 2, SIDE // 2] == pytest.approx(0.8, abs=1e-3)


def test_exposure_is_metered() -> None:
    dark = torch.cat([plain(0.2, 0.2, 0.2)] * 3)
    out = expose(dark, replace(ideal(3), auto_exposure=torch.tensor([0.0, 0.5, 1.0])))
    odds = (0.2 / 0.8 * 0.45 / 0.55) ** 0.5
    assert out[:, 0, 0, 0].tolist() == pytest.approx([0.2, odds / (1 + odds), 0.45], abs=1e-5)
    extremes = torch.cat([plain(0.0, 0.0, 0.0), plain(1.0, 1.0, 1.0)])
    torch.testing.assert_close(
        expose(extremes, replace(ideal(2), auto_exposure=torch.ones(2))), extremes, atol=2e-6, rtol=0
    )


def test_grey_is_grey_even_with_noise_and_jpeg(images: torch.Tensor) -> None:
    zero, some = torch.zeros(6), torch.full((6,), 1e-3)
    bad = replace(ideal(6), saturation=zero, shot=some, read=some, chroma=some * 500, quality=torch.full((6,), 30.0))
    out = expose(images, bad)
    assert (out.amax(1) - out.amin(1)).max() < 1e-5
    torch.testing.assert_close(luma(expose(images, replace(ideal(6), saturation=zero))), luma(images))


@pytest.mark.parametrize("grey", [0.3, 0.7])
def test_variance_of_shot_and_read_noise(grey: float) -> None:
    shot, read = 4e-4, 1e-4
    sensors = replace(
        ideal(2), shot=torch.tensor([shot, 0.0]), read=torch.full((2,), read), noise_place=torch.tensor([[7, 70]] * 2)
    )
    out = luma(expose(plain(grey, grey, grey, count=2, side=256), sensors)) - grey
    assert out.var((1, 2)).tolist() == pytest.approx([read + shot * grey, read], rel=0.05)
    assert out.mean().abs() < 5e-4
    neighbours = (out[:, 1:] * out[:, :-1]).mean() / out.var()
    assert 0.2 < neighbours < 0.6
    moved = expose(plain(grey, grey, grey, side=256), sensors.map(lambda t: t[:1]))
    torch.testing.assert_close(luma(moved)[0] - grey, out[0], atol=1e-5, rtol=0)


def test_sharpening_leaves_a_halo() -> None:
    edge = plain(0.3, 0.3, 0.3)
    edge[..., SIDE // 2 :] = 0.7
    out = expose(edge, replace(ideal(1), halo=torch.tensor([0.8])))[0, 0, SIDE // 2]
    assert out[SIDE // 2 - 1] < 0.25 and out[SIDE // 2] > 0.75
    assert out[3] == pytest.approx(0.3, abs=1e-5) and out[-3] == pytest.approx(0.7, abs=1e-5)


def test_jpeg_is_applied_to_the_chosen(images: torch.Tensor) -> None:
    out = expose(images, replace(ideal(6), quality=torch.tensor([0.0, 10, 0, 90, 0, 0])))
    lost = (out - images).abs().mean((1, 2, 3))
    assert (lost[[0, 2, 4, 5]] < 1e-6).all()
    assert lost[1] > lost[3] > 0.001
