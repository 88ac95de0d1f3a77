import pytest

from hourlift.cli.height import parse_height


@pytest.mark.parametrize(
    ("text", "height_mm"),
    [
        ("1.78m", 1780),
        ("1,78 m", 1780),
        ("178cm", 1780),
        ("1780 mm", 1780),
        ("5'10\"", 1778),
        ("5'", 1524),
        ("5′10″", 1778),
        ("6 ft 1.5 in", 1866.9),
        ("5ft10", 1778),
    ],
)
def test_statures(text: str, height_mm: float) -> None:
    assert parse_height(text) == pytest.approx(height_mm)


@pytest.mark.parametrize("text", ["1.78", "tall", "", "m", "-1.8m", "1.8.1m", "178 cmm", "nan m"])
def test_what_is_no_length(text: str) -> None:
    with pytest.raises(ValueError, match="a number with its unit, such as 1.78m"):
        parse_height(text)


@pytest.mark.parametrize("text", ["178m", "1.78mm", "178mm", "12'"])
def test_nobody_is_that_tall(text: str) -> None:
    with pytest.raises(ValueError, match="people are between 0.4 and 2.8 m tall"):
        parse_height(text)
