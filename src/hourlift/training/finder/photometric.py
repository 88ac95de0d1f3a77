"""Changes of exposure, colour and sharpness: on bytes, so that they take about a millisecond an image."""

from dataclasses import dataclass

import cv2
import numpy as np

from hourlift.arrays import Image

_LEVELS = np.arange(256) / 255


@dataclass(frozen=True, kw_only=True)
class Photometric:
    """Strength of the changes. Spreads are of logarithms.

    Attributes:
        gamma: Largest logarithm of the exponent of the tone curve.
        gain: Spread of the brightness.
        cast: Spread of the brightness of each colour.
        contrast: Largest logarithm of the slope about the mean.
        grey: Share of grey images.
        pale: Share of images with less colour.
        blurred: Share of images with 30 to 80 % of the resolution.
        noisy: Share of images with noise.
        noise: Largest standard deviation of the noise, in a range of 1.
        compressed: Share of images compressed as JPEG.
    """

    gamma: float = 0.4
    gain: float = 0.2
    cast: float = 0.07
    contrast: float = 0.35
    grey: float = 0.06
    pale: float = 0.25
    blurred: float = 0.15
    noisy: float = 0.3
    noise: float = 0.05
    compressed: float = 0.25

    def __call__(self, rng: np.random.Generator, image: Image) -> Image:
        """Change an image (H, W, 3) uint8."""
        height, width = image.shape[:2]
        mean = float(image[::8, ::8].mean()) / 255
        curve = _LEVELS ** np.exp(rng.uniform(-self.gamma, self.gamma)) * np.exp(rng.normal(0, self.gain))
        curve = mean + (curve - mean) * np.exp(rng.uniform(-self.contrast, self.contrast))
        curves = curve[:, None] * np.exp(rng.normal(0, self.cast, 3))
        image = cv2.LUT(image, np.rint(255 * curves.clip(0, 1)).astype(np.uint8)[None]).astype(np.uint8, copy=False)
        is_grey, is_pale = rng.random() < self.grey, rng.random() < self.pale
        if is_grey or is_pale:
            share = 0.0 if is_grey else rng.uniform(0.2, 0.9)
            flat = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            image = cv2.addWeighted(image, share, flat, 1 - share, 0).astype(np.uint8, copy=False)
        if rng.random() < self.blurred:
            share = rng.uniform(0.3, 0.8)
            small = cv2.resize(image, (round(width * share), round(height * share)), interpolation=cv2.INTER_AREA)
            image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
        if rng.random() < self.noisy:
            noise = rng.standard_normal((height, width, 3), np.float32) * np.float32(
                255 * self.noise * rng.random() ** 2
            )
            image = np.clip(image + noise, 0, 255).astype(np.uint8)
        if rng.random() < self.compressed:
            quality = int(rng.integers(35, 95))
            _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
            image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)  # RGB as encoded
        return image
