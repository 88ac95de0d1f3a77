"""The command line's frame: which commands, what is imported, what errors look like."""

import subprocess
import sys
import types

import pytest

from hourlift import __version__, cli
from hourlift.errors import UserError


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.strip()


def test_importing_the_command_line_is_light() -> None:
    heavy = ("torch", "cv2", "onnxruntime", "numpy", "av", "tyro", "rich", "numba", "anny")
    code = f"import sys, hourlift, hourlift.cli; print([m for m in {heavy} if m in sys.modules])"
    assert run_python(code) == "[]"


@pytest.mark.parametrize(
    "module", ["hourlift.cli.predict", "hourlift.predict", "hourlift.pose", "hourlift.formats.json"]
)
def test_prediction_never_imports_torch(module: str) -> None:
    assert run_python(f"import sys, {module}; print('torch' in sys.modules, 'anny' in sys.modules)") == "False False"


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"], ["help"]])
def test_overview(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == (0 if arguments else 2)
    shown = capsys.readouterr().out
    for name, command in cli.COMMANDS.items():
        assert f"  {name}" in shown
        assert command.summary in shown


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"hourlift {__version__}\n"


def test_old_spellings_of_options_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def command(height: str = "", val_split: str = "") -> None:
        seen.append((height, val_split))

    fake_command(monkeypatch, command)
    assert cli.main(["fake", "--stature", "1.8m", "--judge=test"]) == 0
    assert seen == [("1.8m", "test")]


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lift"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("hourlift: there is no command 'lift'; the commands are predict")
    assert error.count("\n") == 1


def fake_command(monkeypatch: pytest.MonkeyPatch, command: object, extra: str = "") -> None:
    module = types.ModuleType("hourlift_fake_command")
    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hourlift_fake_command", module)
    monkeypatch.setitem(cli.COMMANDS, "fake", cli.Command("hourlift_fake_command", "for the test", extra))


def raising(error: BaseException) -> object:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UserError("photo.jpg: the file\n  is empty"), 2, "hourlift: photo.jpg: the file is empty\n"),
        (FileNotFoundError(2, "No such file or directory", "a.jpg"), 2, "hourlift: a.jpg: No such file or directory\n"),
        (OSError("no words from the system"), 2, "hourlift: no words from the system\n"),
        (UserError(), 2, "hourlift: UserError\n"),
        (KeyboardInterrupt(), 130, "hourlift: interrupted\n"),
    ],
)
def test_mistakes_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, status: int, line: str
) -> None:
    fake_command(monkeypatch, raising(error))
    assert cli.main(["fake"]) == status
    assert capsys.readouterr().err == line


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fake_command(monkeypatch, raising(ModuleNotFoundError("No module named 'torch'", name="torch")), extra="train")
    assert cli.main(["fake"]) == 2
    assert capsys.readouterr().err == "hourlift: `fake` needs the package torch: pip install 'hourlift[train]'\n"


@pytest.mark.parametrize("error", [AssertionError("ours"), ValueError("operands could not be broadcast"), KeyError(3)])
def test_a_fault_of_ours_looks_like_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    fake_command(monkeypatch, raising(error))
    assert cli.main(["fake"]) == cli.OUR_FAULT
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "Traceback (most recent call last):"
    assert shown[-2].startswith(type(error).__name__)
    assert shown[-1] == "hourlift: this is a bug of hourlift: please report it with the lines above"


def test_the_traceback_of_a_mistake_is_shown_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_command(monkeypatch, raising(ValueError("the user's")))
    monkeypatch.setenv("HOURLIFT_TRACEBACK", "1")
    with pytest.raises(ValueError, match="the user's"):
        cli.main(["fake"])


def test_a_command_may_return_its_status_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(status: int = 0) -> int | None:
        return status or None

    fake_command(monkeypatch, command)
    assert cli.main(["fake"]) == 0
    assert cli.main(["fake", "--status", "1"]) == 1


def test_wrong_options_exit_with_two(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fake_command(monkeypatch, lambda: None)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["fake", "--no-such-option"])
    assert stopped.value.code == 2


def test_a_reader_that_leaves_is_no_error() -> None:
    code = (
        "import sys, types, hourlift.cli as cli\n"
        "module = types.ModuleType('fake'); sys.modules['fake'] = module\n"
        "def command():\n"
        "    for i in range(100000): print(i)\n"
        "module.command = command\n"
        "cli.COMMANDS['fake'] = cli.Command('fake', 'prints')\n"
        "sys.exit(cli.main(['fake']))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as pipe:
        assert pipe.stdout is not None and pipe.stderr is not None
        pipe.stdout.readline()
        pipe.stdout.close()
        assert pipe.stderr.read() == b""
        assert pipe.wait(timeout=60) == 1
