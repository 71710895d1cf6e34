"""Colour is identity: a strategy keeps its colour and its marker on every page, a model its shade and its fill.

The colours stand out at 3:1 on the white and on the dark page and stay apart for red-green blind eyes (both are tests).
Identities are given once for everything that is stored, so that a filter never repaints what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

COLOURS = (
    "#0072B2",
    "#D55E00",
    "#2FA28B",
    "#633DFA",
    "#A2462F",
    "#5184FB",
    "#267082",
    "#04A464",
)
"""Also `chartCategoricalColors` of the theme."""
SYMBOLS = (
    *("circle", "diamond", "square", "cross"),
    *("circle-open", "diamond-open", "square-open", "x"),
)
GLYPHS = ("●", "◆", "■", "✚", "○", "◇", "□", "✖")
SHAPES = len(SYMBOLS) // 2
"""Neighbours in the colours differ in shape; the second half is for the second model."""
PLACES = (
    "corag",
    "iterative",
    "single_retrieval",
    "closed_book",
    "search_r1",
    "deep_research",
    "fan_out",
    "self_ask",
    "r1_searcher",
    "corag_search",
    "self_consistency",
    "external",
)
"""Each strategy's place in the colours; past the last colour they begin again with another marker."""
_LIGHTEN_PER_MODEL = 0.22
_MOST_LIGHTENED = 0.45

Key = tuple[str, str]
"""Strategy and model."""


@dataclass(frozen=True, slots=True)
class Identity:
    """How one strategy with one model looks everywhere."""

    label: str
    colour: str
    symbol: str
    """Plotly's marker name."""
    glyph: str
    """The same marker as a character, for text."""


def identities(keys: Iterable[Key], models: Sequence[str] = ()) -> dict[Key, Identity]:
    """An identity for every strategy and model there is; the same set gives the same identities in any order.

    `models` are those that keep their places whatever else is stored, such as the endpoints in their order.
    """
    ordered = sorted(set(keys))
    models = [*models, *sorted({model for _, model in ordered} - set(models))]
    several = len({model for _, model in ordered}) > 1
    others = sorted({strategy for strategy, _ in ordered} - set(PLACES))
    places = {name: place for place, name in enumerate((*PLACES, *others))}
    return {
        (strategy, model): _identity(
            strategy, model, places[strategy], models.index(model), several
        )
        for strategy, model in ordered
    }


def shortened(looks: Mapping[Key, Identity], shown: Iterable[Key]) -> dict[Key, Identity]:
    """Those that are shown; where all are of one model, it is not named with each."""
    keys = sorted(set(shown))
    several = len({model for _, model in keys}) > 1
    return {
        key: looks[key] if several else replace(looks[key], label=key[0].replace("_", " "))
        for key in keys
    }


def _identity(strategy: str, model: str, place: int, nth: int, several: bool) -> Identity:
    name = strategy.replace("_", " ")
    again, colour = divmod(place, len(COLOURS))
    marker = ((place + again + nth // 2) % SHAPES + SHAPES * nth) % len(SYMBOLS)
    lighter = min(nth * _LIGHTEN_PER_MODEL, _MOST_LIGHTENED)
    return Identity(
        label=f"{name} · {model}" if several else name,
        colour=mixed(COLOURS[colour], "#FFFFFF", lighter),
        symbol=SYMBOLS[marker],
        glyph=GLYPHS[marker],
    )


def mixed(colour: str, other: str, share: float) -> str:
    """`share` of the other colour in the first: mixed("#000000", "#FFFFFF", 0.5) -> "#808080"."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
