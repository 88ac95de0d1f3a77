"""hourlift's own person detector: one look at an image finds everyone in it."""

from pathlib import Path

from hourlift.arrays import Array, Image
from hourlift.finder.decode import Found, decode, fit, in_image
from hourlift.formats.coco_boxes import MIN_SCORE
from hourlift.predict.models.runtime import Model


class Finder:
    """Finds people in images.

    Args:
        name_or_path: a shipped model's name, or the path of an .onnx file of the kind "finder".
        min_score: people with a lower score are dropped.
        threads: CPU threads.
        device: "cpu" or "cuda".
        size: longer side of the images in pixels that the network sees, a multiple of 64; None: the size that it was
            trained on. Twice the size finds smaller people, in four times the time.

    Raises:
        ValueError: there is no such model, or it is damaged or of another kind.
    """

    def __init__(
        self,
        name_or_path: str | Path,
        *,
        min_score: float = MIN_SCORE,
        threads: int = 2,
        device: str = "cpu",
        size: int | None = None,
    ) -> None:
        self._model = Model(name_or_path, "finder", threads=threads, device=device)
        self._min_score = min_score
        self._size: int = size or self._model.contract["input_size"]

    def __call__(self, image_rgb: Image) -> Array:
        """(N, 4) boxes of the people in an image, as `find`."""
        return self.find(image_rgb).boxes

    def find(self, image_rgb: Image) -> Found:
        """Find the people in an image.

        Args:
            image_rgb: (H, W, 3) uint8.

        Returns:
            Boxes xyxy in pixels within the image, and scores, the highest first.
        """
        fitted = fit(image_rgb, self._size)
        scores, sides = self._model.run_all(fitted.input[None])
        found = decode(scores[0], sides[0], self._min_score)
        return in_image(found, fitted.scale_xy, (image_rgb.shape[1], image_rgb.shape[0]))
