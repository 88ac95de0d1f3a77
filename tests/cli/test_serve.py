"""The server of the page: what it hands out, what it refuses, and to whom."""

import contextlib
import gzip
import http.client
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

import hourlift.cli
from hourlift import weights
from hourlift.cli import web_app
from hourlift.cli.web_app import address, app_entries, open_server
from hourlift.predict.models.runtime import Model


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small stand-in for the built app."""
    folder = tmp_path_factory.mktemp("site") / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>app</title>")
    (folder / "assets" / "main-abc.js").write_text("1")
    (folder / "assets" / "ort-abc.wasm").write_bytes(b"\0asm")
    (folder.parent / "secret.txt").write_text("not for the web")
    return folder


@pytest.fixture(scope="module")
def server(app: Path, marker_models: tuple[Path, Path]) -> Iterator[ThreadingHTTPServer]:
    hourglass, lifter = map(str, marker_models)
    with open_server(app_entries(app, hourglass, lifter)) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(
    server: ThreadingHTTPServer, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    # Paths are sent just as they are.
    connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding="Accept-Encoding" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@pytest.mark.parametrize(
    ("path", "media_type", "cached"),
    [
        ("/", "text/html; charset=utf-8", "no-cache"),
        ("/index.html?x=1", "text/html; charset=utf-8", "no-cache"),
        ("/assets/main-abc.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/assets/ort-abc.wasm", "application/wasm", "public, max-age=31536000, immutable"),
        ("/models.json", "application/json", "no-cache"),
        ("/example.mp4", "video/mp4", "no-cache"),
    ],
)
def test_files_come_with_type_and_guards(server: ThreadingHTTPServer, path: str, media_type: str, cached: str) -> None:
    answer, body = get(server, path)
    assert answer.status == 200 and len(body) == int(answer.headers["Content-Length"]) > 0
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["Cache-Control"] == cached
    head, nothing = get(server, path, method="HEAD")
    assert (head.status, nothing, head.headers["Content-Length"]) == (200, b"", str(len(body)))


@pytest.mark.parametrize("path", ["/", "/nowhere"])
def test_every_answer_is_isolated_and_reaches_no_other_host(server: ThreadingHTTPServer, path: str) -> None:
    headers = get(server, path)[0].headers
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = dict(directive.split(" ", 1) for directive in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    allowed = {"'none'", "'self'", "'wasm-unsafe-eval'", "blob:"}
    assert {source for sources in policy.values() for source in sources.split()} <= allowed
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets",
        "//etc/passwd",
        "/models",
    ],
)
def test_what_is_not_listed_is_not_found(server: ThreadingHTTPServer, path: str) -> None:
    answer, body = get(server, path)
    assert answer.status == 404 and b"not for the web" not in body


def test_files_are_compressed_for_whoever_takes_that(server: ThreadingHTTPServer) -> None:
    plain, content = get(server, "/assets/ort-abc.wasm")
    zipped, body = get(server, "/assets/ort-abc.wasm", **{"Accept-Encoding": "gzip, br"})
    assert plain.getheader("Content-Encoding") is None and zipped.getheader("Content-Encoding") == "gzip"
    assert gzip.decompress(body) == content and zipped.getheader("Content-Length") == str(len(body))
    assert zipped.getheader("Vary") == "Accept-Encoding"
    video, _ = get(server, "/example.mp4", **{"Accept-Encoding": "gzip"})
    assert video.getheader("Content-Encoding") is None


@pytest.mark.skipif(not (web_app.APP / "index.html").is_file(), reason="the page has not been built: make web")
def test_all_that_is_loaded_once_is_below_12_megabytes() -> None:
    """On WebAssembly: the other engine's files, the example and the licences are loaded on demand, if at all."""
    entries = app_entries()
    loaded = {path: entry for path, entry in entries.items() if "jspi" not in path}
    for path in ("/", "/example.mp4", "/licences.txt"):
        del loaded[path]
    with open_server(loaded) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        sizes = {path: len(get(server, path, **{"Accept-Encoding": "gzip"})[1]) for path in loaded}
        server.shutdown()
        thread.join()
    assert len(sizes) > 8 and sum(sizes.values()) < 12e6, sizes


def test_other_names_of_this_computer_are_refused(server: ThreadingHTTPServer) -> None:
    assert get(server, "/", Host="evil.example:80")[0].status == 403
    assert get(server, "/", Host=f"localhost:{server.server_port}")[0].status == 200


def test_a_reader_who_leaves_is_no_mistake(server: ThreadingHTTPServer, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port)) as reader:
        reader.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n".encode())  # and no more
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # hangs up at once
    assert get(server, "/")[0].status == 200
    time.sleep(0.1)
    assert capfd.readouterr().err == ""


def test_who_asks_for_nothing_or_takes_nothing_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(web_app._Handler, "timeout", 0.1)
    with open_server({"/big": web_app.Entry(bytes(50_000_000), "video/mp4")}) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        there, before = ("127.0.0.1", running.server_port), threading.active_count()
        with socket.create_connection(there, timeout=5) as idle:
            assert idle.recv(1) == b""
        with socket.create_connection(there, timeout=5) as asleep:
            asleep.sendall(f"GET /big HTTP/1.1\r\nHost: 127.0.0.1:{running.server_port}\r\n\r\n".encode())
            assert asleep.recv(10) == b"HTTP/1.1 2"
            end = time.monotonic() + 5
            while threading.active_count() > before and time.monotonic() < end:
                time.sleep(0.02)
            assert threading.active_count() == before
        running.shutdown()
    assert capfd.readouterr().err == ""


def test_a_file_is_compressed_once_for_all_readers(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compressed = []

    def compress(data: bytes, **options: int) -> bytes:
        compressed.append(len(data))
        time.sleep(0.1)  # in which the others ask
        return data

    monkeypatch.setattr(web_app.gzip, "compress", compress)
    with open_server({"/": web_app.Entry(app / "index.html", "text/html")}) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        with ThreadPoolExecutor(5) as pool:
            bodies = set(pool.map(lambda _: get(running, "/", **{"Accept-Encoding": "gzip"})[1], range(5)))
        running.shutdown()
    assert (len(compressed), bodies) == (1, {(app / "index.html").read_bytes()})


def test_a_thousand_malformed_requests_leave_it_as_it_was(
    server: ThreadingHTTPServer, capfd: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(0)
    good = b"GET /models.json HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=0-9\r\nAccept-Encoding: gzip\r\n\r\n"
    for _ in range(1000):
        request = bytearray(good)
        for _ in range(rng.randint(1, 12)):
            at = rng.randrange(len(request) + 1)
            match rng.randrange(3):
                case 0:
                    request[at : at + rng.randint(1, 20)] = b""
                case 1:
                    request[at:at] = rng.randbytes(rng.randint(1, 8))
                case _:
                    request[at:at] = rng.choice([b"\r\n", b"\0", b":", b" ", b"%", b"/../", b"A" * 5000, b"\xff"])
        there = ("127.0.0.1", server.server_port)
        with socket.create_connection(there, timeout=10) as connection:
            connection.settimeout(10)
            try:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except TimeoutError:
                raise
            except OSError:  # the server may hang up first: a reset, a broken pipe, or no longer connected
                pass
    answer, body = get(server, "/models.json")
    assert answer.status == 200 and json.loads(body)
    assert "Traceback" not in capfd.readouterr().err


def test_nothing_can_be_sent(server: ThreadingHTTPServer) -> None:
    assert get(server, "/", method="POST")[0].status == 501


def test_only_the_loopback_address_listens(server: ThreadingHTTPServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert address(server) == f"http://127.0.0.1:{server.server_port}/"
    with socket.socket() as other:  # 127.0.0.2 is this computer, too, but not where we listen
        assert other.connect_ex(("127.0.0.2", server.server_port)) != 0


def test_models_are_listed_by_their_hash_with_their_contract(
    server: ThreadingHTTPServer, marker_models: tuple[Path, Path]
) -> None:
    listed = json.loads(get(server, "/models.json")[1])
    for kind, file in zip(("hourglass", "lifter"), marker_models, strict=True):
        entry = listed[kind]
        answer, body = get(server, f"/{entry['url']}")
        assert answer.headers["Cache-Control"].endswith("immutable")
        assert body == file.read_bytes() and len(body) == entry["bytes"]
        assert entry["sha256"] == weights.sha256(file)
        assert entry["contract"] == Model(file, kind).contract  # type: ignore[arg-type]


def test_the_shipped_models_are_those_of_the_manifest(app: Path) -> None:
    listed = json.loads(app_entries(app)["/models.json"].content)  # type: ignore[arg-type]
    manifest = weights.manifest()
    assert listed["hourglass"]["sha256"] == manifest["hourglass-fast"].sha256
    assert listed["lifter"]["sha256"] == manifest["lifter"].sha256


def test_a_file_that_has_gone_since_is_not_found(app: Path, marker_models: tuple[Path, Path]) -> None:
    gone = app / "gone.txt"
    gone.write_text("here")
    with open_server(app_entries(app, *map(str, marker_models))) as running:
        gone.unlink()
        thread = threading.Thread(target=running.handle_request)
        thread.start()
        assert get(running, "/gone.txt")[0].status == 404
        thread.join()


def test_a_taken_port_is_one_line(
    server: ThreadingHTTPServer,
    app: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(web_app.app_entries, "__defaults__", (app, "hourglass-fast", "lifter"))
    assert hourlift.cli.main(["serve", "--no-browser", "--port", str(server.server_port)]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith(
        f"hourlift: port {server.server_port} of 127.0.0.1 cannot be used (Address already in use)"
    )
    assert complaint.count("\n") == 1
    assert hourlift.cli.main(["serve", "--no-browser", "--port", "99999"]) == 2
    assert "--port must be at most 65535" in capsys.readouterr().err


def test_an_installation_without_the_page_says_how_to_build_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(web_app.app_entries, "__defaults__", (tmp_path, "hourglass-fast", "lifter"))
    assert hourlift.cli.main(["serve"]) == 2
    complaint = capsys.readouterr().err
    assert "make web" in complaint and complaint.count("\n") == 1


def test_the_command_serves_until_it_is_interrupted(app: Path) -> None:
    code = (
        "import pathlib, signal, sys, hourlift.cli; from hourlift.cli import web_app\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # which a background job would not have
        f"web_app.app_entries.__defaults__ = (pathlib.Path({str(app)!r}), 'hourglass-fast', 'lifter')\n"
        "sys.exit(hourlift.cli.main(['serve', '--no-browser', '--port', '0']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        port = int(line.split("127.0.0.1:")[1].split("/")[0])
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("GET", "/")
            assert connection.getresponse().status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
