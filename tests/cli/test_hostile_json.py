"""JSON files that are broken, or made to break whoever reads them, are one line that names the file."""

from pathlib import Path

import pytest

from hourlift.cli import main

HOSTILE = {
    "deep": "[" * 200_000,
    "deep object": '{"a":' * 100_000,
    "empty": "",
    "cut": '{"images": [{"id"',
    "number": "7",
    "no text": "\udcff\udcfe",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    "arguments",
    [
        ["convert", "bad.json", "a.csv"],
        ["plot", "bad.json", "-o", "a.csv"],
        ["predict", "a.png", "--boxes", "bad.json"],
        ["predict", "a.png", "--camera", "bad.json"],
        ["data", "check", "bad.json"],
    ],
)
def test_one_line_that_names_the_file(
    content: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.json").write_bytes(content.encode(errors="surrogateescape"))
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("hourlift: bad.json") and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.json"]
