"""What players show of decoded frames."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Colorspace

from hourlift.media.frame import deinterlaced, shown, to_rgb

COLOURS = np.array([[200, 40, 40], [40, 180, 60], [50, 60, 190], [230, 230, 230], [120, 120, 120]], np.uint8)


def bars(height: int, width: int = 320) -> np.ndarray:
    return np.repeat(np.repeat(COLOURS[None], width // 5, axis=1), height, axis=0)


def test_display_matrices() -> None:
    image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    quarter = np.rot90(image)  # counter-clockwise
    for matrix, expected in {
        (1, 0, 0, 1): image,
        (-1, 0, 0, 1): image[:, ::-1],
        (1, 0, 0, -1): image[::-1],
        (-1, 0, 0, -1): image[::-1, ::-1],
        (0, 1, -1, 0): np.rot90(image, -1),
        (0, -1, 1, 0): quarter,
        (0, 1, 1, 0): image.transpose(1, 0, 2),
        (0, -1, -1, 0): image[::-1, ::-1].transpose(1, 0, 2),
    }.items():
        np.testing.assert_array_equal(shown(image, matrix), expected)


@pytest.mark.parametrize(("height", "space"), [(240, Colorspace.ITU601), (720, Colorspace.ITU709)])
def test_colours_without_tags_are_those_of_the_size(height: int, space: Colorspace) -> None:
    frame = av.VideoFrame.from_ndarray(bars(height), format="rgb24").reformat(format="yuv444p", dst_colorspace=space)
    frame.colorspace = 2  # not told
    assert np.abs(to_rgb(frame, 320, height).astype(int) - bars(height)).max() <= 3


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_looks_like_the_same_picture_without(transfer: int) -> None:
    """Light of up to 203 nits, coded as HDR by the formulas of ST 2084 and STD-B67, looks as it did."""
    to_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    nits = 203 * 0.75 * ((bars(240) / 255) ** 2.4) @ to_2020.T
    if transfer == 16:
        power = (nits / 10000) ** 0.1593017578125
        code = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    else:
        scene = (nits / 1000) ** (1 / 1.2)
        upper = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        code = np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)
    rgb = np.round(code * 65535).astype(np.uint16)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb48le")
    frame.color_trc = transfer
    expected = 255 * (0.75 ** (1 / 2.4)) * (bars(240) / 255)
    assert np.abs(to_rgb(frame, 320, 240).astype(int) - expected).max() <= 4


def test_half_pictures_are_made_one(tmp_path: Path) -> None:
    """A bar that moves between two half images has straight edges again."""
    with av.open(str(tmp_path / "a.mpg"), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"flags": "+ilme+ildct", "top": "1"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for i in range(6):
            image = np.zeros((240, 320, 3), np.uint8)
            for half in range(2):
                image[half::2, 40 + 40 * i + 20 * half :][:, :40] = 255
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(tmp_path / "a.mpg")) as container:
        decoded = list(container.decode(video=0))
    assert any(frame.interlaced_frame for frame in decoded), "else there is nothing to test"
    combs = []
    for frames in (decoded, list(deinterlaced(decoded))):
        assert len(frames) == len(decoded)
        grey = cv2.cvtColor(to_rgb(frames[3], 320, 240), cv2.COLOR_RGB2GRAY).astype(int)
        combs.append(np.abs(np.diff(grey, axis=0)).mean())
    assert combs[1] < combs[0] / 4
