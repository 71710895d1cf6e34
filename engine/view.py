"""A view: what a page shows, as the page's address and the choices in it; equal to its link, and checked when made.

A link is data from anywhere. What no page of that name knows is left out; what is no link to a page is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from engine.errors import InputError

LONGEST_LINK = 8_000
"""Characters; what is longer is shared as a snapshot, whose link is short."""
LONGEST_VALUE, MOST_VALUES = 200, 60
_ANSWERING = ("strategy", "model", "agent", "index", "effort", "doses", "seed", "checkpoints")
_FINDING = ("compare_sweep", "compare_strategies")
_FILTERS = ("sweep", "metric", "strategies", "models", "hops", "operations")
_WEIGHED = ("sweep", "also", *_FILTERS[1:], "unit", "margin")
_DRAWN = ("spacing", "along_search", "along_think", "against", "over", "unit")
_WALKED = ("surface", "spend", "split", "quality")
PAGES: dict[str, tuple[str, ...]] = {
    "live-query": (*_ANSWERING, "question_set", "run"),
    "trace-compare": ("lane", "open", "compare_align", "compare_fold", *_FINDING),
    "quality-surface": (*_FILTERS, *_DRAWN, "at", "camera", "below", "cell", "run"),
    "budget-allocation": (*_WEIGHED, *_WALKED, "slice_search", "slice_think", "every_search"),
    "summary": _WEIGHED,
    "sweep-runs": ("sweep",),
    "published-results": (
        "words",
        "dataset",
        "metric",
        "evidence",
        "below",
        "source",
        "curves",
        "ours",
    ),
    "corpus-library": ("part", "corpus_how", "endpoint_what"),
    "your-system": ("who", "corpus", "set", "run", "sweep"),
    "shared-view": ("id",),
}
"""The pages by their address, each with the choices that its link keeps; an empty value is a choice too: of nothing."""
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Kinds of characters that nobody sees: controls, direction overrides, halves of pairs, line ends."""


@dataclass(frozen=True, slots=True)
class View:
    """View("summary", (("sweep", ("mine",)),)).link -> summary?sweep=mine

    Raises InputError for a page that is not there, and for a choice that its link would not keep.
    """

    page: str
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Names in the page's own order, each with its values; a choice without values is none."""

    def __post_init__(self) -> None:
        if self.page not in PAGES:
            raise InputError(f"there is no page '{clean(self.page)[:80]}'")
        if self.choices != _kept(self.page, self.choices):
            raise InputError(f"this is no view of the page {self.page}")
        if len(self.link) > LONGEST_LINK:
            raise InputError(f"this view has more choices than a link holds ({LONGEST_LINK})")

    @classmethod
    def of(cls, page: str, found: Mapping[str, Iterable[str]]) -> Self:
        """The view of a page, from what its address says; what the page does not know is left out."""
        if page not in PAGES:
            raise InputError(f"there is no page '{clean(page)[:80]}'")
        return cls(page, _kept(page, ((name, tuple(values)) for name, values in found.items())))

    @classmethod
    def from_link(cls, link: str) -> Self:
        """Read back what `link` gives, or any address of a page on whatever server; raises InputError."""
        if len(link) > LONGEST_LINK:
            raise InputError(f"a link is at most {LONGEST_LINK} characters long")
        try:
            parts = urlsplit(link)
            pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=2 * MOST_VALUES)
        except ValueError as error:
            raise InputError("this is not a link to a page") from error
        found: dict[str, list[str]] = {}
        for name, value in pairs:
            found.setdefault(name, []).append(value)
        return cls.of(parts.path.strip("/") or "live-query", found)

    @property
    def link(self) -> str:
        """The page's address without its server."""
        pairs = [(name, value) for name, values in self.choices for value in values]
        return self.page + ("?" + urlencode(pairs, quote_via=quote) if pairs else "")

    def get(self, name: str) -> tuple[str, ...]:
        """The values of one choice; none where the link says nothing of it."""
        return dict(self.choices).get(name, ())


def _kept(
    page: str, choices: Iterable[tuple[str, tuple[str, ...]]]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What the page knows, in its own order, without values that no page of ours makes."""
    found = dict(choices)
    held = (
        (name, tuple(v for v in found.get(name, ())[:MOST_VALUES] if _is_value(v)))
        for name in PAGES[page]
    )
    return tuple((name, values) for name, values in held if values)


def _is_value(value: str) -> bool:
    return len(value) <= LONGEST_VALUE and value == clean(value)


def clean(text: str) -> str:
    """Text on one line, without characters that nobody sees: 'a\\x00b\\u202ec' -> 'abc'"""
    return "".join(c for c in text if unicodedata.category(c) not in _UNSEEN)


_NUMBER = re.compile(r"-?\d{1,3}(?:\.\d{1,3})?")


def numbers(text: str, count: int) -> tuple[float, ...] | None:
    """`count` numbers between commas, as a link keeps a camera: numbers("1,-2.5", 2) -> (1.0, -2.5)"""
    parts = text.split(",")
    if len(parts) != count or not all(p.isascii() and _NUMBER.fullmatch(p) for p in parts):
        return None
    return tuple(float(part) for part in parts)
