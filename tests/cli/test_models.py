"""``hourlift models``."""

import pytest

from hourlift.cli import main
from hourlift.weights import HOURGLASS, LIFTER, is_twin, manifest


def test_every_network_is_listed_with_its_licence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in {HOURGLASS, LIFTER, "hourglass-fast"}:
        (line,) = [line for line in lines if line.startswith(f"{name} ")]
        assert "Apache-2.0" in line and "rendered people" in line
        for model in (name, f"{name}.int8"):
            assert f"{manifest()[model].file.stat().st_size / 1e6:.1f}" in line
    assert lines[-1].startswith("model cards: ")


def test_every_shipped_network_says_where_it_comes_from() -> None:
    for model in manifest().values():
        if not is_twin(model.name):
            assert model.what and model.accuracy and model.licence and model.training_data, model.name
            card = model.file.with_suffix(".md").read_text(encoding="utf-8")
            assert f"| licence | {model.licence} |" in card
            figure = model.accuracy.split()[1]
            assert figure in card, "the model card has the same figure"
