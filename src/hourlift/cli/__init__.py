"""The command line: ``hourlift COMMAND ...``.

``COMMANDS`` names each command's module, which is imported only when that command runs, so that
``hourlift predict`` never waits for PyTorch. A command's module exposes one name, ``command``: anything
that ``tyro.cli`` accepts. Either

- a typed function ``def command(...) -> int | None``, or
- a frozen keyword-only dataclass with ``__call__(self) -> int | None``, or a union of such dataclasses
  (they become the command's own sub-commands, as in ``hourlift train hourglass``).

A module may also hold ``EXAMPLES``, lines of shell that end the command's help.

Its return value is the exit status; None means 0. User errors are raised as ValueError or OSError
and become one line on standard error with exit status 2.
"""

import dataclasses
import functools
import importlib
import inspect
import io
import os
import signal
import sys
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from hourlift.cli.limits import check_numbers
from hourlift.cli.overwriting import check_arguments
from hourlift.cli.stopping import interruptible
from hourlift.errors import UserError
from hourlift.formats.text import one_line, plain, without_secrets


class Command(NamedTuple):
    """A command's module, its one-line summary, and the extra that installs its imports."""

    module: str
    summary: str
    extra: str = ""


COMMANDS: dict[str, Command] = {
    "predict": Command("hourlift.cli.predict", "lift people in photos, videos or a webcam to 3D"),
    "batch": Command("hourlift.cli.batch", "lift whole archives of videos and photos, on one machine or many", "scale"),
    "convert": Command(
        "hourlift.cli.convert", "convert results to BVH, glTF, C3D, TRC, CSV, NPZ or COCO files", "formats"
    ),
    "demo": Command("hourlift.cli.demo", "lift the clip that ships with hourlift"),
    "live": Command("hourlift.cli.live", "lift people in a webcam's images live, and show them"),
    "models": Command(
        "hourlift.cli.models", "list the networks that ship with hourlift, with licence and training data"
    ),
    "plot": Command("hourlift.cli.plot", "joint angles over time as a plot and a CSV file", "plots"),
    "serve": Command("hourlift.cli.serve", "lift photos, videos and the webcam in a page of your browser"),
    "train": Command("hourlift.cli.train", "train the hourglass or the lifter", "train,synth"),
    "gpu-run": Command("hourlift.cli.gpu_run", "train the large hourglass on a GPU within a time limit", "train,synth"),
    "predict-joints": Command(
        "hourlift.cli.predict_joints", "find the 2D joints of a whole data set, for the lifter to train on"
    ),
    "synth": Command("hourlift.cli.synth", "render images of synthetic people with their joints", "synth"),
    "evaluate": Command("hourlift.cli.evaluate", "measure a model on a data set"),
    "analyse": Command("hourlift.cli.analyse", "find the errors of a hourglass, and the people with the worst ones"),
    "curves": Command("hourlift.cli.curves", "compare training runs in a table and a plot", "plots"),
    "data": Command("hourlift.cli.data", "check a folder of annotated images; convert it to shards", "data"),
    "submit": Command("hourlift.cli.submit", "predict a test set into a CSV file for an evaluation server"),
    "export": Command("hourlift.cli.export", "convert a training checkpoint to an ONNX model", "train"),
    "calibrate": Command(
        "hourlift.cli.calibrate", "make an exported hourglass's confidence a probability", "train,synth"
    ),
    "quantise": Command("hourlift.cli.quantise", "make the 8-bit twin of an exported hourglass", "train,synth"),
}


OUR_FAULT = 70
"""The exit status of hourlift's own failures, as in sysexits.h."""
RENAMED_OPTIONS = {"--stature": "--height", "--judge": "--val-split"}
"""Old spellings, which are still accepted but not shown."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments after the program's name; None reads ``sys.argv``.

    Returns:
        Exit status: 0 success, 1 some of many sources failed, 2 user error, 70 a bug of hourlift,
        130 interrupted, 143 terminated.
        Wrong options and ``--help`` raise SystemExit (2 and 0), as in argparse.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the stream cannot encode must not end the run
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _answer(arguments)
        sys.stdout.flush()  # here, where a closed pipe is not an error
        return status
    except BrokenPipeError:  # the reader of our standard output has ended, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # the flush: the disk is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _complain(one_line(error))


def _open_closed_streams() -> None:
    """Open the standard streams that are closed, as by `>&-`: else the first file opened would be taken for one."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115


def _answer(arguments: list[str]) -> int:
    """Print help or version, or run a command; return the exit status."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if arguments else 2
    if arguments[0] in ("-V", "--version"):
        from hourlift import __version__

        print(f"hourlift {__version__}")
        return 0
    if "" in arguments:
        return _complain("an argument is empty; is a shell variable in it undefined?")
    name, rest = arguments[0], [_respelled(argument) for argument in arguments[1:]]
    if name not in COMMANDS:
        return _complain(f"there is no command {name!r}; the commands are {', '.join(COMMANDS)}")
    return _run_safely(name, rest)


def _respelled(argument: str) -> str:
    """An option in its current spelling."""
    option, equals, value = argument.partition("=")
    return RENAMED_OPTIONS.get(option, option) + equals + value


def _run_safely(name: str, arguments: list[str]) -> int:
    """Run a known command; user errors become one line and an exit status."""
    if os.environ.get("HOURLIFT_TRACEBACK"):  # for bug reports: the traceback instead of one line
        return _run(name, arguments)
    try:
        with interruptible():
            return _run(name, arguments)
    except BrokenPipeError:  # not an error: see main
        raise
    except (UserError, OSError, MemoryError) as error:
        return _complain(one_line(error))
    except ModuleNotFoundError as error:
        extra = COMMANDS[name].extra
        if not extra or (error.name or "").startswith("hourlift"):
            return _report(error)
        return _complain(f"`{name}` needs the package {error.name}: pip install 'hourlift[{extra}]'")
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
        return _complain("interrupted" if number == signal.SIGINT else "terminated", status=128 + number)
    except Exception as error:
        return _report(error)


def _run(name: str, arguments: list[str]) -> int:
    """Import the command, parse its arguments, run it."""
    import tyro

    module = importlib.import_module(COMMANDS[name].module)
    description = _description(module) if hasattr(module, "EXAMPLES") else None
    command = _checked(module.command) if inspect.isfunction(module.command) else module.command
    result = tyro.cli(command, prog=f"hourlift {name}", description=description, args=arguments)
    if callable(result):
        if dataclasses.is_dataclass(result):
            _check(vars(result))
        result = result()
    assert result is None or isinstance(result, int), f"{name} returned {result!r}, not an exit status"
    return result or 0


def _checked(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command so that its arguments are checked first."""

    @functools.wraps(command)
    def checked(*args: Any, **kwargs: Any) -> Any:
        _check(inspect.signature(command).bind(*args, **kwargs).arguments)
        return command(*args, **kwargs)

    return checked


def _check(arguments: Mapping[str, object]) -> None:
    """Check arguments by the rules of all commands: numbers within limits, and no output that is also read."""
    flat = {name: value for name, value in arguments.items() if not dataclasses.is_dataclass(value)}
    for group in arguments.values():
        if dataclasses.is_dataclass(group):
            flat |= vars(group)
    check_numbers(flat)
    check_arguments(flat)


def _description(module: ModuleType) -> str:
    """The command's docstring up to its arguments, and the examples."""
    text = (inspect.getdoc(module.command) or "").partition("\nArgs:\n")[0]
    return f"{text.strip()}\n\nexamples:\n{textwrap.indent(module.EXAMPLES.strip(), '  ')}\n"


def _complain(message: str, status: int = 2) -> int:
    """Print one line to standard error and return the exit status."""
    print(f"hourlift: {plain(without_secrets(message))}", file=sys.stderr)
    return status


def _report(error: BaseException) -> int:
    """Print the traceback of a bug, and ask for a report."""
    traceback.print_exception(error)
    return _complain("this is a bug of hourlift: please report it with the lines above", OUR_FAULT)


def _overview() -> str:
    """The help of the bare command."""
    lines = ["usage: hourlift COMMAND ...", "", "The 3D pose of people in photos and videos, in millimetres.", ""]
    lines += [f"  {name:<16}{command.summary}" for name, command in COMMANDS.items()]
    lines += ["", "hourlift COMMAND --help explains a command; hourlift --version prints the version."]
    return "\n".join(lines)
