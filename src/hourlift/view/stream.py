"""Live images in the browser: JPEGs over HTTP, on this computer only.

OpenCV in the base installation has no windows, but every computer has a browser. The page holds one image that is
continually replaced (multipart/x-mixed-replace), without a script. It listens on the loopback address only, and other
sites' pages can neither embed the stream nor reach it under their host names. As other users of the computer can reach
the loopback, too, page and stream have a random path, which is shown only to the user who started the program.
"""

import base64
import hashlib
import html
import secrets
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import cv2

from hourlift.arrays import Image

_HOST = "127.0.0.1"
_QUALITY = 85
_BOUNDARY = "image"
_PATIENCE_S = 1.0  # without a new image the last one is sent again, to find out whether the client is still there

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; height: 100vh; display: grid; place-items: center; background: #131519; }
img { max-width: 100vw; max-height: 100vh; }
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · hourlift live</title><style>{style}</style></head>
<body><img src="stream" alt="{title} with the skeletons drawn on it"></body></html>
"""


class LiveStream:
    """Shows images in the browser as they arrive. A context manager; slow clients skip images.

    Args:
        title: title of the page.
        port: port on 127.0.0.1; 0 selects a free one.

    Raises:
        OSError: the port is in use.

    Attributes:
        address: URL of the page, with its random path.
    """

    def __init__(self, title: str, port: int = 0) -> None:
        self._changed = threading.Condition()
        self._jpeg = b""
        self._number = 0
        self._viewers = 0
        self._closed = False
        style_hash = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
        self.policy = f"default-src 'none'; img-src 'self'; style-src 'sha256-{style_hash}'; frame-ancestors 'none'"
        self.page = _PAGE.format(title=html.escape(title, quote=True), style=_STYLE).encode()
        self.folder = f"/{secrets.token_urlsafe(16)}/"
        try:
            self._server = _Server(self, port)
        except OSError as error:
            raise OSError(f"port {port} of {_HOST} cannot be used: {error.strerror}") from None
        self.address = f"http://{_HOST}:{self._server.server_port}{self.folder}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def show(self, image_rgb: Image) -> None:
        """Send an image (H, W, 3) uint8 to all clients; without clients, nothing is encoded."""
        if self._viewers == 0 and self._number > 0:
            return
        done, jpeg = cv2.imencode(".jpg", image_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if done:
            with self._changed:
                self._jpeg, self._number = jpeg.tobytes(), self._number + 1
                self._changed.notify_all()

    def _next(self, number: int) -> tuple[int, bytes] | None:
        """Wait for an image newer than the given number; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._number > number, _PATIENCE_S)
            return None if self._closed else (self._number, self._jpeg)

    def _watch(self, change: int) -> None:
        with self._changed:
            self._viewers += change


class _Server(ThreadingHTTPServer):
    """The server; its threads end with their clients or with the stream."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore disconnected clients; report all other errors."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def __init__(self, stream: LiveStream, port: int) -> None:
        self.stream = stream
        super().__init__((_HOST, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    """The page and the stream."""

    server: _Server
    disable_nagle_algorithm = True  # the end of a response must not wait for the acknowledgement of its beginning
    timeout = 30  # seconds, for receiving a request and sending an image; does not limit the stream

    def do_GET(self) -> None:
        """Answer a request; an unknown Host is rejected: another site's name may resolve to this computer."""
        port, folder = self.server.server_port, self.server.stream.folder
        if self.headers.get("Host") not in (f"{_HOST}:{port}", f"localhost:{port}"):
            self.send_error(403)
        elif not secrets.compare_digest(self.path[: len(folder)].encode(), folder.encode()):
            self.send_error(404)
        elif self.path == folder:
            self._head("text/html; charset=utf-8", len(self.server.stream.page))
            self.wfile.write(self.server.stream.page)
        elif self.path == f"{folder}stream":
            self._stream()
        else:
            self.send_error(404)

    def _head(self, content_type: str, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Content-Security-Policy", self.server.stream.policy)
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()

    def _stream(self) -> None:
        """Send images until the client or the stream ends."""
        stream, number = self.server.stream, 0
        stream._watch(+1)
        try:
            self._head(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            while (following := stream._next(number)) is not None:
                number, jpeg = following
                if jpeg:
                    head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
        except (ConnectionError, TimeoutError):
            pass  # the client has disconnected or sleeps, which is not an error
        finally:
            stream._watch(-1)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged, for privacy."""
