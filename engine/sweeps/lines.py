"""Where in a TOML text a value stands, so that an error can name its line.

line_of('a = 1\\n[knobs.corag]\\ntop_k = 0', ("knobs", "corag", "top_k")) -> 3
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence

_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def line_of(text: str, location: Sequence[int | str], value: object = None) -> int | None:
    """The line of the deepest part of a location that can be found; None when no part of it can.

    `location` is keys and places in lists, outermost first; `value` finds the line of an item in a list of many lines.
    """
    names = [str(part) for part in location if isinstance(part, str)]
    best, depth = None, 0
    rows = text.splitlines()
    for number, path in _paths(rows):
        shared = _shared(path, names)
        if shared > depth and shared == min(len(path), len(names)):
            best, depth = number, shared
    if best is None or value is None or depth < len(names):
        return best
    return _item(rows, best, value)


def _paths(rows: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Every header and every key with its line and its full path; what stands inside a value of many lines is none."""
    found: list[tuple[int, list[str]]] = []
    table: list[str] = []
    open_value = ""
    for number, row in enumerate(rows, 1):
        if open_value:
            open_value = _still_open(f"{open_value}\n{row}")
        elif header := _HEADER.match(row):
            table = _parts(header[1])
            found.append((number, table))
        elif key := _KEY.match(row):
            found.append((number, [*table, *_parts(key[1])]))
            open_value = _still_open("x =" + row[key.end() :])
    return found


def _still_open(text: str) -> str:
    """The text while it is no whole value yet, else nothing."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return text if "[" in text or "{" in text or '"""' in text or "'''" in text else ""
    return ""


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]


def _shared(path: Sequence[str], names: Sequence[str]) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(path, names, strict=False)) if a != b),
        min(len(path), len(names)),
    )


def _item(rows: Sequence[str], first: int, value: object) -> int:
    """The line from `first` on, up to the next key, on which a value is written."""
    written = re.escape(str(value))
    for number in range(first, len(rows) + 1):
        row = rows[number - 1]
        if number > first and (_KEY.match(row) or _HEADER.match(row)):
            break
        if re.search(rf"(?<![\w.-]){written}(?![\w.-])", row):
            return number
    return first
