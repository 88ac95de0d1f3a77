"""Numbers as Markdown tables and as JSON."""

import math
from collections.abc import Mapping, Sequence
from typing import Any


def table(corner: str, columns: Sequence[str] | Mapping[str, Any], rows: list[tuple[str, list[str]]]) -> str:
    """Return a Markdown table. Rows without any measured value are left out."""
    lines = [[corner, *columns], ["---", *("---:" for _ in columns)]]
    lines += [[name, *cells] for name, cells in rows if set(cells) != {"–"}]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def percent(share: float) -> str:
    """Format a share in [0, 1]; a dash if it could not be measured."""
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"


def millimetres(length: float) -> str:
    """Format a length; a dash if it could not be measured."""
    return "–" if math.isnan(length) else f"{length:.1f} mm"


def without_nan(value: Any) -> Any:
    """Replace every NaN in dictionaries, lists and tuples by None, JSON's null."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
