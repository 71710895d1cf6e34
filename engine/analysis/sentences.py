"""A verdict in one plain sentence, with the numbers it rests on, or with what to run to be able to tell."""

from __future__ import annotations

from engine.analysis.estimate import Estimate
from engine.analysis.needed import Needed
from engine.analysis.verdict import Verdict


def sentence(found: Verdict) -> str:
    """The mixture's verdict in one sentence."""
    places = f"searching at think {found.at_think}, thinking at search {found.at_search}"
    where = f"{found.strategy} with {found.model}, {places}"
    part = found.mixture
    if part.word == "cannot tell":
        return f"Cannot tell whether search scales like reasoning here ({where}): {part.why}."
    slope, bend = part.compared
    points = f"{_points(slope.search)} points for searching, {_points(slope.think)} for thinking"
    if part.word == "neither":
        return f"Neither searching nor thinking scales here ({where}): per doubling of {found.unit}, {points}."
    if part.word == "alike":
        return (
            f"Search scales like reasoning here ({where}): per doubling of added {found.unit}, {points}, "
            f"and both differences lie within {100 * found.margin:g} points."
        )
    said = []
    if slope.certain:
        more = "more" if slope.difference.value > 0 else "less"
        said.append(
            f"a doubling of added {found.unit} buys {more} when spent on searching ({points})"
        )
    if bend.certain:
        faster = "sooner" if bend.difference.value < 0 else "later"
        said.append(f"its returns fade {faster} ({_points(bend.difference)} points)")
    return f"Search does not scale like reasoning here ({where}): {', and '.join(said)}."


def wanted(more: Needed) -> str:
    """What to run to be able to tell, and about what it takes."""
    names = {"search": "the search budget", "think": "the reasoning budget"}
    spent = " and ".join(names[axis] for axis in more.force)
    doses = f", {spent} to be spent and not only allowed" if spent else ""
    quote = "" if more.tokens is None else f", about {more.tokens:,.0f} tokens"
    quote += (
        "" if more.seconds is None else f" and {more.seconds / 60:,.0f} minutes one after another"
    )
    return (
        f"run these cells: search {', '.join(map(str, more.search))} and think "
        f"{', '.join(map(str, more.think))} for {more.questions} questions{doses} ({more.runs:,} runs{quote})"
    )


def _points(estimate: Estimate) -> str:
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.value:+.1f} [{low:+.1f}, {high:+.1f}]"
