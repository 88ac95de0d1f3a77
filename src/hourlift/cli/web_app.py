"""The server of the page in `web/`: the built app, the shipped networks and the demo's clip, for this computer only.

A fixed list of files, made when the server starts, can be requested. The server listens on the loopback address only,
and the content security policy lets the page access nothing but this server.
"""

import gzip
import json
import mimetypes
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from hourlift import __version__, weights
from hourlift.errors import UserError
from hourlift.predict.models.runtime import Model

HOST = "127.0.0.1"
APP = Path(str(resources.files("hourlift"))) / "web"
"""Output folder of `make web`."""

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' blob:; media-src 'self' blob:; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    # Browsers allow threads only to pages isolated from other sites.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FOREVER = "public, max-age=31536000, immutable"  # for files whose name contains a hash of their content
_COMPRESSED = ("video/mp4",)
_TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json"}


class Entry(NamedTuple):
    """An item to serve: a file or bytes, its MIME type, and whether its name changes with its content."""

    content: Path | bytes
    media_type: str
    lasting: bool = False


def app_entries(
    app: Path = APP, hourglass: str = weights.PAGE_HOURGLASS, lifter: str = weights.LIFTER
) -> dict[str, Entry]:
    """All items to serve, by path.

    Args:
        app: folder of the built app.
        hourglass: model of stage 1, by name or as an .onnx file.
        lifter: model of stage 2, by name or as an .onnx file.

    Raises:
        ValueError: the app has not been built, or a model is unknown, damaged or of the wrong kind.
    """
    if not (app / "index.html").is_file():
        raise UserError(
            "this hourlift was installed without its page: with Node.js 20 or newer, run `make web` in a checkout "
            "and install that"
        )
    entries = {}
    for file in sorted(path for path in app.rglob("*") if path.is_file()):
        name = file.relative_to(app).as_posix()
        entries[f"/{name}"] = Entry(file, _media_type(file), lasting=name.startswith("assets/"))
    entries["/"] = entries["/index.html"]
    listed: dict[str, Any] = {"version": __version__}
    networks = (
        ("hourglass", Model(hourglass, "hourglass", precision="fp32")),  # the page cannot use 8-bit twins
        ("lifter", Model(lifter, "lifter", precision="fp32")),
    )
    for kind, model in networks:
        digest = weights.sha256(model.path)
        url = f"models/{digest}.onnx"
        entries[f"/{url}"] = Entry(model.path, "application/octet-stream", lasting=True)
        listed[kind] = {"url": url, "sha256": digest, "bytes": model.path.stat().st_size, "contract": model.contract}
    entries["/models.json"] = Entry(json.dumps(listed).encode(), "application/json")
    clip = Path(str(resources.files("hourlift"))) / "assets" / "demo.mp4"
    if clip.is_file():
        entries["/example.mp4"] = Entry(clip, "video/mp4")
    return entries


def open_server(entries: Mapping[str, Entry], port: int = 0) -> ThreadingHTTPServer:
    """A server that listens but does not respond yet; call ``serve_forever``.

    Args:
        entries: from `app_entries`.
        port: port on 127.0.0.1; 0 selects a free one.

    Raises:
        OSError: the port cannot be used.
    """
    try:
        return _Server(entries, port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OSError(f"port {port} of {HOST} cannot be used ({reason}); --port 0 selects a free one") from None


def address(server: ThreadingHTTPServer) -> str:
    """URL of the page."""
    return f"http://{HOST}:{server.server_port}/"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore disconnected clients; report all other errors."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def __init__(self, entries: Mapping[str, Entry], port: int) -> None:
        self.entries = entries
        self._bodies: dict[tuple[str, bool], bytes] = {}
        self._locks = {path: threading.Lock() for path in entries}
        super().__init__((HOST, port), _Handler)

    def body(self, path: str, zips: bool) -> bytes:
        """The body for a path, possibly compressed: made once, shared by all clients.

        Raises:
            OSError: the file was removed after the server started.
        """
        with self._locks[path]:
            if (path, zips) not in self._bodies:
                content = self.entries[path].content
                body = content if isinstance(content, bytes) else content.read_bytes()
                self._bodies[path, zips] = gzip.compress(body, compresslevel=6, mtime=0) if zips else body
            return self._bodies[path, zips]


class _Handler(BaseHTTPRequestHandler):
    """Answers with an entry, or with 404."""

    server: _Server
    disable_nagle_algorithm = True  # the end of a response must not wait for the acknowledgement of its beginning
    timeout = 30  # seconds, for receiving a request and sending a response
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a request; an unknown Host is rejected: another site's name may resolve to this computer."""
        port = self.server.server_port
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            return self.send_error(403)
        path = self.path.partition("?")[0]
        entry = self.server.entries.get(path)
        if entry is None:
            return self.send_error(404)
        zips = entry.media_type not in _COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", "")
        try:
            body = self.server.body(path, zips)
        except OSError:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Type", entry.media_type)
        self.send_header("Vary", "Accept-Encoding")
        if zips:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", _FOREVER if entry.lasting else "no-cache")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 (the name is the base class's)

    def end_headers(self) -> None:
        """Add the security headers to every response, including errors."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged, for privacy."""


def _media_type(file: Path) -> str:
    """MIME type by the file's suffix; the system's table may lack newer ones."""
    known = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"{known}; charset=utf-8" if known.startswith("text/") else known
