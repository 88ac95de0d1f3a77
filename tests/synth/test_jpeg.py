"""JPEG's losses are those of OpenCV's libjpeg."""

import cv2
import numpy as np
import pytest
import torch

from hourlift.synth.camera.jpeg import RGB_TO_YCC, YCC_TO_RGB, compress, quantisation_tables


def random_image(height: int, width: int) -> np.ndarray:
    """Smooth colours, edges and a little texture, (H, W, 3) uint8 RGB."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    colours = np.stack([x, y, 0.5 + 0.4 * np.sin(9 * x * y)], -1)
    colours[height // 4 : height // 2, width // 3 : width // 2] = (0.9, 0.2, 0.1)
    colours += np.random.default_rng(0).normal(0, 0.02, colours.shape)
    return (colours * 255).clip(0, 255).round().astype(np.uint8)


def ours(image: np.ndarray, quality: int) -> np.ndarray:
    rgb = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    ycc = compress(torch.einsum("cd,dhw->chw", RGB_TO_YCC, rgb)[None], torch.tensor([quality]))[0]
    rgb = torch.einsum("cd,dhw->chw", YCC_TO_RGB, ycc).clamp(0, 1)
    return (rgb * 255).round().byte().permute(1, 2, 0).numpy()


def libjpeg(image: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize("quality", [5, 20, 49, 50, 75, 90, 100])
@pytest.mark.parametrize("shape", [(96, 128), (75, 51)])
def test_parity_with_libjpeg(quality: int, shape: tuple[int, int]) -> None:
    image = random_image(*shape)
    theirs = libjpeg(image, quality).astype(float)
    lost = np.abs(theirs - image).mean()
    apart = np.abs(ours(image, quality) - theirs)
    assert apart.mean() < min(1.5, 0.25 * lost), (apart.mean(), lost)  # nearest-neighbour chroma is 1.6 and more away


def test_tables_are_libjpegs() -> None:
    luma, chroma = quantisation_tables(torch.tensor([10.0, 50.0, 75.0, 100.0]))
    assert luma[:, 0].tolist() == [80, 16, 8, 1]  # 16 * 5, 16, (16 * 50 + 50) // 100, at least 1
    assert luma[0].max() == 255  # 121 * 5 does not fit into a byte
    assert (luma[3] == 1).all() and (chroma[3] == 1).all()


def test_a_plain_picture_keeps_its_colour() -> None:
    plain = torch.tensor([0.5, 0.1, -0.2])[None, :, None, None].expand(2, 3, 32, 32)
    out = compress(plain, torch.tensor([90, 95]))
    assert (out - plain).abs().max() < 3 / 255
    assert (out - out[..., :1, :1]).abs().max() < 1e-6
