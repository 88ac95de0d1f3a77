"""``hourlift models``: the networks that ship with hourlift, and the origin of their weights."""

from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table

from hourlift.weights import Model, int8_name, is_twin, manifest

EXAMPLES = """
hourlift models
hourlift predict photo.jpg --weights hourglass-fast
"""


def command() -> None:
    """List the networks that ship with hourlift: size, accuracy, licence, and what they were trained on.

    PCK@0.2 is for the 12 limb joints on 600 sports photos, MPJPE is on motion capture of people on whom the lifter was
    not trained. The model cards beside the files give the protocol, every source, and the limits of the networks.
    """
    models = manifest()
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False)
    for heading in ("name", "MB", "8 bits", "what", "accuracy", "licence", "trained on"):
        justify: Literal["left", "right"] = "right" if heading in ("MB", "8 bits") else "left"
        table.add_column(heading, justify=justify, no_wrap=heading in ("name", "licence"))
    for model in models.values():
        if not is_twin(model.name):
            twin = models.get(int8_name(model.name))
            table.add_row(
                *(model.name, _size(model), _size(twin)),
                *(model.what, model.accuracy, model.licence, model.training_data),
            )
    console = Console(highlight=False)
    console.print(table)
    folder = next(iter(models.values())).file.parent
    console.print(f"model cards: {folder}", soft_wrap=True)


def _size(model: Model | None) -> str:
    """Megabytes of a model's file; "–" if there is none."""
    return f"{model.file.stat().st_size / 1e6:.1f}" if model is not None and model.file.is_file() else "–"
