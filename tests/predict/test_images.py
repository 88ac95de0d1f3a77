"""Photographs of every kind, and every kind of broken file."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from hourlift.media.images import MAX_IMAGE_PIXELS, read_image

RED, GREEN, BLUE, WHITE = (220, 30, 40), (20, 180, 60), (30, 50, 210), (250, 250, 250)
FORMATS = (".jpg", ".png", ".webp", ".bmp", ".tiff")


def quarters(width: int = 64, height: int = 48) -> np.ndarray:
    """Red and green above blue and white, so that every turn and mirroring shows."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = BLUE, WHITE
    return image


def corners(image: np.ndarray) -> list[np.ndarray]:
    """Colours near the four corners: top left, top right, bottom left, bottom right."""
    return [image[4, 4], image[4, -5], image[-5, 4], image[-5, -5]]


def exif(orientation: int = 1, focal_35mm: int = 0, order: str = "<") -> np.ndarray:
    """An EXIF block with the two tags that count, in either byte order."""

    def short(tag: int, value: int) -> bytes:
        return struct.pack(order + "HHIHH", tag, 3, 1, value, 0)

    pointer = struct.pack(order + "HHII", 0x8769, 4, 1, 38)
    start = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    directory = struct.pack(order + "H", 2) + short(0x0112, orientation) + pointer + struct.pack(order + "I", 0)
    sub_directory = struct.pack(order + "H", 1) + short(0xA405, focal_35mm) + struct.pack(order + "I", 0)
    return np.frombuffer(start + directory + sub_directory, np.uint8)


def encode(suffix: str, image_rgb: np.ndarray, exif_block: np.ndarray | None = None) -> bytes:
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    if exif_block is None:
        return cv2.imencode(suffix, bgr)[1].tobytes()
    return cv2.imencodeWithMetadata(suffix, bgr, [cv2.IMAGE_METADATA_EXIF], [exif_block])[1].tobytes()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_formats(tmp_path: Path, suffix: str) -> None:
    photo = read_image(write(tmp_path / f"photo{suffix}", encode(suffix, quarters())))
    assert photo.image_wh == (64, 48)
    assert photo.image_rgb.dtype == np.uint8
    assert photo.focal_35mm is None
    np.testing.assert_allclose(corners(photo.image_rgb), [RED, GREEN, BLUE, WHITE], atol=6)


def test_the_content_counts_not_the_name(tmp_path: Path) -> None:
    photo = read_image(write(tmp_path / "really-a-png.jpg", encode(".png", quarters())))
    np.testing.assert_array_equal(photo.image_rgb, quarters())


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, (RED, GREEN, BLUE, WHITE)),
        (2, (GREEN, RED, WHITE, BLUE)),
        (3, (WHITE, BLUE, GREEN, RED)),
        (4, (BLUE, WHITE, RED, GREEN)),
        (5, (RED, BLUE, GREEN, WHITE)),
        (6, (BLUE, RED, WHITE, GREEN)),
        (7, (WHITE, GREEN, BLUE, RED)),
        (8, (GREEN, WHITE, RED, BLUE)),
    ],
)
def test_exif_orientation(tmp_path: Path, suffix: str, orientation: int, expected: tuple) -> None:
    data = encode(suffix, quarters(), exif(orientation))
    photo = read_image(write(tmp_path / f"turned{suffix}", data))
    assert photo.image_wh == ((64, 48) if orientation <= 4 else (48, 64))
    np.testing.assert_allclose(corners(photo.image_rgb), expected, atol=8)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_focal_length_makes_the_camera(tmp_path: Path, suffix: str, order: str) -> None:
    data = encode(suffix, quarters(), exif(6, focal_35mm=28, order=order))
    photo = read_image(write(tmp_path / f"phone{suffix}", data))
    assert photo.focal_35mm == 28
    camera = photo.camera()
    assert camera.source == "exif"
    assert camera.image_wh == (48, 64)
    assert camera.fx == pytest.approx(28 * 80 / np.hypot(36, 24))


def test_focal_length_zero_means_unknown(tmp_path: Path) -> None:
    photo = read_image(write(tmp_path / "a.jpg", encode(".jpg", quarters(), exif(1, focal_35mm=0))))
    assert photo.focal_35mm is None
    assert photo.camera().source == "default"


def test_damaged_exif_is_as_good_as_none(tmp_path: Path) -> None:
    block = exif(1, focal_35mm=28).copy()
    block[8 + 2 + 12 + 8] = 200  # the pointer to the EXIF directory leads out of the block
    photo = read_image(write(tmp_path / "a.jpg", encode(".jpg", quarters(), block)))
    assert photo.focal_35mm is None


def test_cmyk() -> None:
    photo = read_image(Path(__file__).parent / "data" / "cmyk.jpg")  # C 0, M 200, Y 220, K 20 of 255
    np.testing.assert_allclose(photo.image_rgb[4, 4], (235, 51, 32), atol=4)


def test_grey_alpha_and_16_bit(tmp_path: Path) -> None:
    rgb = quarters()
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    stored = {
        "grey.png": (grey, np.repeat(grey[..., None], 3, axis=2)),
        "grey16.png": (grey.astype(np.uint16) * 257, np.repeat(grey[..., None], 3, axis=2)),
        "rgb16.png": (bgr.astype(np.uint16) * 257, rgb),
        "rgb16.tif": (bgr.astype(np.uint16) * 257, rgb),
        "alpha.png": (np.dstack([bgr, np.full(grey.shape, 7, np.uint8)]), rgb),
    }
    for name, (values, expected) in stored.items():
        assert cv2.imwrite(str(tmp_path / name), values)
        np.testing.assert_allclose(read_image(tmp_path / name).image_rgb, expected, atol=1, err_msg=name)


def test_one_pixel(tmp_path: Path) -> None:
    for suffix in FORMATS:
        photo = read_image(write(tmp_path / f"dot{suffix}", encode(suffix, np.full((1, 1, 3), 90, np.uint8))))
        assert photo.image_wh == (1, 1)


def huge(suffix: str) -> bytes:
    """A small file whose header promises 30,000 x 30,000 pixels."""
    data = bytearray(encode(suffix, quarters()))
    side = 30_000
    if suffix == ".jpg":
        struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, side, side)
    elif suffix == ".png":
        struct.pack_into(">II", data, 16, side, side)
    elif suffix == ".bmp":
        struct.pack_into("<ii", data, 18, side, -side)
    elif suffix == ".tiff":
        for tag in (0x100, 0x101):
            struct.pack_into("<HHII", data, data.rindex(struct.pack("<HHI", tag, 3, 1)), tag, 4, 1, side)
    else:
        header = b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + 2 * (side - 1).to_bytes(3, "little")
        return b"RIFF" + struct.pack("<I", 22) + b"WEBP" + header
    return bytes(data)


@pytest.mark.parametrize("suffix", FORMATS)
def test_too_large_is_refused_by_the_header_alone(tmp_path: Path, suffix: str) -> None:
    assert MAX_IMAGE_PIXELS < 30_000**2
    path = write(tmp_path / f"huge{suffix}", huge(suffix))
    with pytest.raises(ValueError, match=rf"huge\{suffix}: 30000 x 30000 pixels is more than the limit of 200 mega"):
        read_image(path)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.9, 0.995])
def test_cut_off_files_are_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    data = encode(suffix, noise)
    path = write(tmp_path / f"half{suffix}", data[: int(kept * len(data))])
    with pytest.raises(ValueError, match=rf"half\{suffix}: (the file is cut off|the image cannot be decoded)"):
        read_image(path)


def test_a_whole_thumbnail_does_not_hide_a_cut_off_photo(tmp_path: Path) -> None:
    photo, thumbnail = encode(".jpg", quarters(640, 480)), encode(".jpg", quarters(16, 12))
    comment = b"\xff\xfe" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    with_thumbnail = photo[:2] + comment + photo[2:]
    assert read_image(write(tmp_path / "whole.jpg", with_thumbnail)).image_wh == (640, 480)
    with pytest.raises(ValueError, match="cut off"):
        read_image(write(tmp_path / "cut.jpg", with_thumbnail[:-20]))


def test_what_phones_append_is_no_damage(tmp_path: Path) -> None:
    data = encode(".jpg", quarters()) + b"\0\0\0\x18ftypmp42 a video \xff\xda and its scan"
    assert read_image(write(tmp_path / "motion.jpg", data)).image_wh == (64, 48)


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"notes.jpg: this is not a JPEG, PNG, .* image"):
        read_image(write(tmp_path / "notes.jpg", b"Dear diary, BM is what a bitmap begins with."))
    with pytest.raises(ValueError, match="nothing.jpg: the file is empty"):
        read_image(write(tmp_path / "nothing.jpg", b""))
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "missing.jpg")
    with pytest.raises(ValueError, match="noise.png: the image cannot be decoded|damaged|cut off"):
        good = encode(".png", quarters())
        read_image(write(tmp_path / "noise.png", good[:33] + b"\x55" * 40 + good[73:]))


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "depth.tiff"), np.ones((8, 8), np.float32))
    with pytest.raises(ValueError, match="depth.tiff: the image cannot be decoded"):
        read_image(tmp_path / "depth.tiff")


@pytest.mark.parametrize("progressive", [0, 1])
def test_a_jpeg_without_its_end_marker_but_with_all_pixels(tmp_path: Path, progressive: int) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    data = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes()
    whole = read_image(write(tmp_path / "whole.jpg", data)).image_rgb
    np.testing.assert_array_equal(read_image(write(tmp_path / "a.jpg", data[:-2])).image_rgb, whole)
    for missing in (3, 40, len(data) // 3):
        with pytest.raises(ValueError, match="cut off"):
            read_image(write(tmp_path / "b.jpg", data[:-missing]))


@pytest.mark.parametrize(("focal_mm", "used"), [(3, False), (4, True), (28, True), (3000, True), (65535, False)])
def test_focal_lengths_that_no_lens_has_are_not_used(
    tmp_path: Path, focal_mm: int, used: bool, caplog: pytest.LogCaptureFixture
) -> None:
    photo = read_image(write(tmp_path / "a.jpg", encode(".jpg", quarters(), exif(focal_35mm=focal_mm))))
    assert photo.focal_35mm == (focal_mm if used else None)
    assert ("implausible" in caplog.text) == (not used)


@pytest.mark.parametrize("suffix", [".tiff", ".webp", ".png", ".avif"])
def test_several_pictures_in_a_file_are_said(tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture) -> None:
    first, second = quarters(), quarters()[::-1]
    if suffix == ".tiff":
        assert cv2.imwritemulti(str(tmp_path / "a.tiff"), [image[..., ::-1] for image in (first, second)])
    else:
        animation = cv2.Animation()
        animation.frames = [np.ascontiguousarray(image[..., ::-1]) for image in (first, second)]
        animation.durations = [100, 100]
        assert cv2.imwriteanimation(str(tmp_path / f"a{suffix}"), animation)
    photo = read_image(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(corners(photo.image_rgb), [RED, GREEN, BLUE, WHITE], atol=6)
    assert "this file holds 2 images; only the first is read" in caplog.text


def test_big_tiff(tmp_path: Path) -> None:
    pixels = quarters(16, 8)
    tags = [(0x100, 3, 16), (0x101, 3, 8), (0x103, 3, 1), (0x106, 3, 2), (0x111, 16, 16), (0x115, 3, 3), (0x116, 3, 8)]
    tags += [(0x117, 16, pixels.nbytes)]
    entries = sorted(
        [*(struct.pack("<HHQQ", t, k, 1, v) for t, k, v in tags), struct.pack("<HHQHHHxx", 0x102, 3, 3, 8, 8, 8)]
    )
    directory = struct.pack("<Q", len(entries)) + b"".join(entries) + struct.pack("<Q", 0)
    data = b"II+\0" + struct.pack("<HHQ", 8, 0, 16 + pixels.nbytes) + pixels.tobytes() + directory
    np.testing.assert_array_equal(read_image(write(tmp_path / "a.tif", data)).image_rgb, pixels)


def test_raw_photographs_are_refused_in_words(tmp_path: Path) -> None:
    tags = [(0xFE, 4, 1), (0x100, 3, 160), (0x101, 3, 120)]
    directory = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in tags) + bytes(4)
    data = b"II*\0" + struct.pack("<I", 8) + directory
    with pytest.raises(ValueError, match=r"a\.dng: these are a camera's raw data; convert them"):
        read_image(write(tmp_path / "a.dng", data))


def test_transparency_leaves_the_colours(tmp_path: Path) -> None:
    bgra = np.dstack([cv2.cvtColor(quarters(), cv2.COLOR_RGB2BGR), np.full((48, 64), 128, np.uint8)])
    for suffix in (".png", ".webp", ".avif"):
        photo = read_image(write(tmp_path / f"a{suffix}", cv2.imencode(suffix, bgra)[1].tobytes()))
        np.testing.assert_allclose(corners(photo.image_rgb), [RED, GREEN, BLUE, WHITE], atol=8)


@pytest.mark.parametrize("progressive", [0, 1])
def test_a_jpeg_damaged_within_its_data_is_read_with_a_word(
    tmp_path: Path, progressive: int, caplog: pytest.LogCaptureFixture
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)
    whole = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes()
    assert not read_image(write(tmp_path / "whole.jpg", whole)).damaged
    assert caplog.messages == []
    third = len(whole) // 3
    for name, data in {"hole": whole[:third] + whole[2 * third :], "end": whole[: 2 * third] + b"\xff\xd9"}.items():
        caplog.clear()
        assert read_image(write(tmp_path / f"{name}.jpg", data)).damaged
        (message,) = caplog.messages
        assert message == f"{tmp_path / name}.jpg: the file is damaged; part of the image is wrong or missing"


def test_twelve_bits_stored_as_sixteen_are_said_to_be_dark(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for bits, is_said in ((16, False), (12, True)):
        pixels = quarters().astype(np.uint16) << (bits - 8)
        caplog.clear()
        read_image(write(tmp_path / "a.png", cv2.imencode(".png", pixels)[1].tobytes()))
        assert ("the image is nearly black: no value is above 15 of 255" in caplog.text) == is_said
