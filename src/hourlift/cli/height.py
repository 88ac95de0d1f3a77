"""Parsing a person's height."""

import re

from hourlift.errors import UserError

_UNIT_MM = {"m": 1000.0, "cm": 10.0, "mm": 1.0}
_FOOT_MM, _INCH_MM = 304.8, 25.4
_SHORTEST_MM, _TALLEST_MM = 400.0, 2800.0


def parse_height(text: str) -> float:
    """Read a height such as 1.78m, 178cm, 1780 mm, 5'10" or 5ft10in.

    Args:
        text: a number and its unit.

    Returns:
        Millimetres.

    Raises:
        ValueError: it is not a length, its unit is missing, or no person is that tall.
    """
    plain = text.strip().lower().replace("′", "'").replace("’", "'").replace("″", '"').replace("”", '"')
    metric = re.fullmatch(r"(\d+(?:[.,]\d+)?)\s*(m|cm|mm)", plain)
    imperial = re.fullmatch(r"(\d+)\s*(?:'|ft)\s*(?:(\d+(?:\.\d+)?)\s*(?:\"|''|in)?)?", plain)
    if metric:
        height_mm = float(metric[1].replace(",", ".")) * _UNIT_MM[metric[2]]
    elif imperial:
        height_mm = float(imperial[1]) * _FOOT_MM + float(imperial[2] or 0) * _INCH_MM
    else:
        raise UserError(f"--height is a number with its unit, such as 1.78m, 178cm or 5'10\", got {text!r}")
    if not _SHORTEST_MM <= height_mm <= _TALLEST_MM:
        raise UserError(f"--height {text!r} is {height_mm / 1000:.2f} m; people are between 0.4 and 2.8 m tall")
    return height_mm
