"""Names from outside, made safe to show."""

import pytest

from hourlift.formats.text import file_stem, plain, plain_lines, without_secrets


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("tanz-日本-é 🕺🏽.mp4", "tanz-日本-é 🕺🏽.mp4"),
        ("a\x1b]0;TITLE\x07b\x1b[2J", r"a\x1b]0;TITLE\x07b\x1b[2J"),
        ("red\nline\r\t", r"red\x0aline\x0d\x09"),
        ("c1\x9b31m", r"c1\x9b31m"),
        ("gpj\u202egpj.exe", r"gpj\u202egpj.exe"),
        ("zero\u2028line\ufeff", r"zero\u2028line\ufeff"),
        ("latin-\udcff", r"latin-\udcff"),
        ("نام‌خانوادگی", "نام‌خانوادگی"),  # spelled with a joiner
    ],
)
def test_what_moves_a_terminal_becomes_its_escape(name: str, shown: str) -> None:
    assert plain(name) == shown
    assert plain(plain(name)) == shown
    shown.encode()
    assert file_stem(name).isprintable() or "\u200c" in name
    assert len(file_stem(name)) == len(name)


def test_lines_stay_lines() -> None:
    assert plain_lines("a\n  b\x07") == "a\n  b\\x07"


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("http://user:pa55@example.org:80/a/b.mp4", "http://example.org:80/a/b.mp4"),
        ("s3://bucket/video.mp4: 404", "s3://bucket/video.mp4: 404"),
        ("cannot read https://h.org/x.mp4?X-Amz-Signature=abc&t=1#z now", "cannot read https://h.org/x.mp4 now"),
        ("http://u:p@h/a.mp4?x=1: 404, see http://u:p@h.", "http://h/a.mp4: 404, see http://h."),
        ("zip://a.jpg::https://u:p@h/b.zip?s=1 is", "zip://a.jpg::https://h/b.zip is"),
        ("zip://a.jpg::/data/b.zip", "zip://a.jpg::/data/b.zip"),
        ("memory:///videos/walk.mp4", "memory:///videos/walk.mp4"),
        ("http://u:p?w/d@h/a", "http://u:p"),  # not a URL, and nothing of it after the question mark is told
        ("a/b: no URL at all, c@d?e", "a/b: no URL at all, c@d?e"),
    ],
)
def test_urls_keep_host_and_path_alone(text: str, public: str) -> None:
    assert without_secrets(text) == public


def test_names_of_files_leave_room_for_suffixes() -> None:
    assert file_stem("x" * 251) == "x" * 200
    assert file_stem("日" * 83) == "日" * 66  # of three bytes each; none is halved
