"""Untrusted text, such as a file's name, made safe for display.

A name may hold anything: escape sequences that move the cursor, line ends, marks that change the reading direction,
bytes that are not UTF-8, a password before the host of a URL. All displayed text goes through `plain`, on which the
other functions are based.
"""

import re
import unicodedata

from hourlift.formats.atomic import is_disk_full

UNNAMED = "standard output, or a file"
"""What a full disk did not hold, where the system does not say."""
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of Unicode that are always escaped: controls, formats (bidi), surrogates, ends of lines."""
_JOINERS = frozenset("\u200c\u200d")  # formats needed to write Persian, Hindi and emoji
_MAX_STEM_BYTES = 200
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]*[^\s'\"<>:;,.)]")  # without punctuation at its end


def plain(text: str) -> str:
    r"""One line of printable characters; others are escaped, as in ``\x1b`` or ``\u202e``."""
    return "".join(_escaped(c) if _is_harmful(c) else c for c in text)


def plain_lines(text: str) -> str:
    """As `plain`, for a text of several lines, whose line ends are kept."""
    return "\n".join(map(plain, text.split("\n")))


def file_stem(name: str) -> str:
    """A name for output files from an untrusted name: unprintable characters become underscores, and it may be cut.

    File systems allow 255 bytes, of which results need some for their suffixes.
    """
    safe = "".join("_" if _is_harmful(c) else c for c in name)
    return safe.encode("utf-8")[:_MAX_STEM_BYTES].decode("utf-8", errors="ignore")


def one_line(error: BaseException) -> str:
    """An error's message as one line; an OSError gives the system's message and the file's name."""
    if isinstance(error, OSError) and error.strerror and (error.filename is not None or is_disk_full(error)):
        return f"{error.filename or UNNAMED}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def without_mathtext(text: str) -> str:
    """As `plain`, for Matplotlib, which would read dollar signs as formulas."""
    return plain(text).replace("$", r"\$")


def without_secrets(text: str) -> str:
    """The text without the user, password, query and fragment of URLs; queries may hold signatures."""
    return _URL.sub(lambda match: _public(match[0]), text)


def _public(url: str) -> str:
    """Protocol, host and path of a URL, and of each in a chain such as zip://a.jpg::https://example.org/a.zip."""
    public = []
    for link in re.split(r"::(?=[^:/]*://)", url):
        protocol, _, rest = link.partition("://")
        host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
        public.append(f"{protocol}://{host.rpartition('@')[2]}{slash}{path}")
    return "::".join(public)


def _is_harmful(c: str) -> bool:
    return not c.isprintable() and c not in _JOINERS and unicodedata.category(c) in _HARMFUL


def _escaped(c: str) -> str:
    code = ord(c)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
