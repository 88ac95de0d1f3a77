"""``hourlift serve``: both networks in a page of your browser; images stay on your computer."""

import sys
import webbrowser
from typing import Annotated

import tyro

from hourlift.cli.web_app import address, app_entries, open_server
from hourlift.weights import LIFTER, PAGE_HOURGLASS

DEFAULT_PORT = 8817
"""Always the same port, so that the browser finds what it stored for offline use."""

EXAMPLES = """
hourlift serve
hourlift serve --port 9000 --no-browser
hourlift serve --weights my-hourglass.onnx
"""

_text = tyro.conf.arg


def command(
    *,
    port: Annotated[int, _text(metavar="N")] = DEFAULT_PORT,
    browser: bool = True,
    weights: Annotated[str, _text(metavar="MODEL")] = PAGE_HOURGLASS,
    lifter: Annotated[str, _text(metavar="MODEL")] = LIFTER,
) -> None:
    """Serve a page that lifts photos, videos and the webcam to 3D in your browser, until Ctrl-C.

    The page is served to this computer only, at 127.0.0.1. Both networks run in the browser: your images are never sent
    anywhere, not even to this server.

    Args:
        port: port to serve on; 0 selects a free one.
        browser: open the page in the browser.
        weights: hourglass to use, by name or as an .onnx file.
        lifter: lifter to use, by name or as an .onnx file.

    Raises:
        ValueError: the page is not installed, or a model cannot be used.
        OSError: the port is in use.
    """
    with open_server(app_entries(hourglass=weights, lifter=lifter), port) as server:
        print(f"hourlift is at {address(server)} for this computer only; Ctrl-C ends it", flush=True)
        if browser and not webbrowser.open(address(server)):
            print("hourlift: no browser could be opened; open that address yourself", file=sys.stderr)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            print()  # the line after ^C
