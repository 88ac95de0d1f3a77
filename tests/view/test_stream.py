"""The moving image over HTTP, read with the standard library's client and, where there is one, in a browser."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from hourlift.view import stream as stream_module
from hourlift.view.stream import LiveStream

RED = np.full((48, 64, 3), (250, 10, 10), np.uint8)
BLUE = np.full((48, 64, 3), (10, 10, 250), np.uint8)


@pytest.fixture
def stream() -> Iterator[LiveStream]:
    with LiveStream('a "video" <1>') as stream:
        yield stream


def port_of(stream: LiveStream) -> int:
    port = urlsplit(stream.address).port
    assert port is not None
    return port


def get(stream: LiveStream, path: str, host: str | None = None, *, named: bool = True) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(stream), timeout=10)
    folder = urlsplit(stream.address).path.rstrip("/") if named else ""
    connection.request("GET", folder + path, headers={} if host is None else {"Host": host})
    return connection.getresponse()


def next_picture(reply: http.client.HTTPResponse) -> np.ndarray:
    assert reply.fp.readline().strip() in (b"", b"--image")
    lines = {}
    while line := reply.fp.readline().strip():
        if b":" in line:
            name, _, value = line.partition(b": ")
            lines[name] = value
    assert lines[b"Content-Type"] == b"image/jpeg"
    data = reply.fp.read(int(lines[b"Content-Length"]))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_the_page_is_strict_and_only_text(stream: LiveStream) -> None:
    reply = get(stream, "/")
    text = reply.read().decode()
    assert reply.status == 200
    assert "<1>" not in text and "&lt;1&gt;" in text and "<script" not in text
    policy = reply.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src 'self'; style-src 'sha256-") and "unsafe" not in policy
    assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert stream.address.startswith("http://127.0.0.1:")


def test_the_newest_picture_comes_first_and_then_what_is_new(stream: LiveStream) -> None:
    stream.show(RED)
    reply = get(stream, "/stream")
    assert reply.headers["Content-Type"].startswith("multipart/x-mixed-replace")
    np.testing.assert_allclose(next_picture(reply), RED, atol=6)
    stream.show(BLUE)
    np.testing.assert_allclose(next_picture(reply), BLUE, atol=6)
    reply.close()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "evil.example:80"])
def test_other_names_for_this_computer_are_refused(stream: LiveStream, host: str) -> None:
    for path in ("/", "/stream"):
        assert get(stream, path, host).status == 403


def test_there_is_nothing_else(stream: LiveStream) -> None:
    assert get(stream, "/etc/passwd").status == 404
    assert get(stream, "/../stream.py").status == 404


def test_only_who_knows_the_random_name_sees_anything(stream: LiveStream) -> None:
    with LiveStream("another") as other:
        assert len(stream.folder) > 20 and stream.folder != other.folder
    for path in ("/", "/stream", "/x/stream", stream.folder[:-2] + "/stream"):
        assert get(stream, path, named=False).status == 404


def test_who_asks_for_nothing_is_hung_up_on(
    stream: LiveStream, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stream_module._Handler, "timeout", 0.1)
    with socket.create_connection(("127.0.0.1", port_of(stream)), timeout=5) as idle:
        assert idle.recv(1) == b""
    stream.show(RED)
    reply = get(stream, "/stream")
    for colour in (RED, BLUE, RED, BLUE):  # a stream outlasts the limit
        next_picture(reply)
        time.sleep(0.06)
        stream.show(colour)
    assert stream._viewers == 1
    noise = np.random.default_rng(0).integers(0, 255, (600, 800, 3), np.uint8)
    end = time.monotonic() + 20
    while stream._viewers and time.monotonic() < end:  # who sleeps does not stay
        stream.show(noise)
        time.sleep(0.02)
    assert stream._viewers == 0
    assert capfd.readouterr().err == ""


def test_readers_come_and_go(stream: LiveStream) -> None:
    stream.show(RED)
    for _ in range(3):
        reply = get(stream, "/stream")
        next_picture(reply)
        reply.close()
    end = time.monotonic() + 10
    while stream._viewers and time.monotonic() < end:
        stream.show(BLUE)
        time.sleep(0.02)
    assert stream._viewers == 0


def test_the_end_ends_its_readers_and_its_threads() -> None:
    before = set(threading.enumerate())
    with LiveStream("video") as stream:
        stream.show(RED)
        reply = get(stream, "/stream")
        next_picture(reply)
        port = port_of(stream)
    reply.read()  # comes back
    end = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < end:
        time.sleep(0.02)
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionError):
        http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/")


def test_a_port_that_is_taken(stream: LiveStream) -> None:
    port = port_of(stream)
    with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 cannot be used"):
        LiveStream("another", port)


def test_a_browser_shows_it(browser: Any, stream: LiveStream) -> None:
    browser.events.clear()
    browser.send("Page.navigate", url=stream.address)
    end = time.monotonic() + 20
    while browser.run("document.querySelector('img')?.naturalWidth") != 64:
        stream.show(RED)
        assert time.monotonic() < end
        time.sleep(0.05)
    assert "video" in browser.run("document.title")
    complaints = [text for text in browser.complaints() if "favicon" not in text]
    assert complaints == []
    browser.send("Page.navigate", url="about:blank")
