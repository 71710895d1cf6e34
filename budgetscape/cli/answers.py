"""The analyses of a sweep put together, for programs as plain values and for people as short lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from budgetscape.cli.values import named, shown
from engine.analysis import allocation, frontier
from engine.analysis.axis import Read, read
from engine.analysis.checkpoints import Trained, payoffs
from engine.analysis.checkpoints import sentence as payoff_sentence
from engine.analysis.choice import Choice, choose
from engine.analysis.demand import demands, yields
from engine.analysis.estimate import Estimate
from engine.analysis.evidence import Evidence, evidence
from engine.analysis.joint import corners, joint, steps
from engine.analysis.looks import Sent, by_hops, by_place, by_think
from engine.analysis.paired import table
from engine.analysis.panel import Axis, Group, Panel, Stratum, Unknown, strata
from engine.analysis.processes import likenesses, processes
from engine.analysis.processes import sentence as iterated_sentence
from engine.analysis.sentences import sentence, wanted
from engine.analysis.verdict import verdict
from engine.figures.looks import looks_rows

AXES: tuple[Axis, Axis] = ("search", "think")


# ------------------------------------------------------------------------------------------ fit


def fitted(
    panel: Panel, stratum: Stratum, unit: str, at_search: int | None, at_think: int | None
) -> dict[str, Any]:
    """Both axes and both together."""
    slices = {"search": at_think, "think": at_search}
    return {
        "surface": panel.group,
        "stratum": dict(stratum),
        "questions": len(panel.questions),
        "refused": panel.refused,
        "thinned": panel.thinned,
        "axes": {axis: _axis(read(panel, axis, slices[axis], unit)) for axis in AXES},
        "corners": corners(panel),
        "steps": steps(panel),
        "joint": joint(panel),
        "demand": {axis: demands(panel, axis) for axis in AXES},
    }


def _axis(found: Read | Unknown) -> dict[str, Any] | Unknown:
    if isinstance(found, Unknown):
        return found
    line = found.line
    return {
        "slice": line.slice,
        "questions": len(line.questions),
        "left_out": line.left_out,
        "levels": line.levels,
        "used": line.used,
        "spent": line.spent,
        "quality": found.quality,
        "trend": found.trend,
        "zero": found.zero,
        "curves": found.curves,
        "turn": found.turn,
        "caution": found.caution,
    }


def fitted_lines(one: dict[str, Any]) -> list[str]:
    group, where = one["surface"], named(tuple(one["stratum"].items()))
    lines = [f"{group.name} {where}".rstrip() + f" ({one['questions']} questions)"]
    lines += _thinned(one)
    for axis in AXES:
        found = one["axes"][axis]
        if isinstance(found, Unknown):
            lines.append(f"  {axis}: unknown ({found.why})")
            continue
        lines.append(
            f"  {axis} at {found['slice']}, n {found['questions']}: {found['trend'].direction}, "
            f"steadiness {shown(found['trend'].steadiness, 2)}"
        )
        lines.append(f"    curve: {_curve(found['curves'])}")
        turned = found["turn"]
        if not isinstance(turned, Unknown) and turned.overthinking:
            lines.append(
                f"    overthinking: best near {shown(turned.vertex)}, then falls {shown(turned.drop)}"
            )
        if found["caution"]:
            lines.append(f"    caution: {found['caution']}")
    both = one["corners"]
    lines.append(f"  together: {both.why if isinstance(both, Unknown) else _both(both)}")
    return lines


def _thinned(one: Mapping[str, Any]) -> list[str]:
    return [f"  weighed: {one['thinned']}"] if one["thinned"] else []


def _curve(found: Any) -> str:
    if isinstance(found, Unknown):
        return f"unknown ({found.why})"
    best = found.best
    also = f" (as well: {', '.join(found.also)})" if found.also else ""
    ends = [
        f"{name} {shown(value)}"
        for name, value in (("ceiling", best.ceiling), ("knee", best.knee))
        if isinstance(value, Estimate)
    ]
    far = isinstance(best.knee, Estimate) and best.knee.value > found.last
    return ", ".join([found.chosen + also, *ends]) + " (beyond what was measured)" * far


def _both(found: Any) -> str:
    (a, b), (c, d) = found.search, found.think
    return (
        f"{found.word}: search {a} to {b} with think {c} to {d} adds {shown(found.extra)} "
        "beyond the sum of each alone"
    )


def iterated(some: tuple[Panel, ...], unit: str) -> dict[str, Any]:
    """Everything that was done more and more often, on one scale."""
    found = processes(some, unit)
    told = [{k: getattr(p, k) for k in _TOLD} for p in found]
    return {
        "sentence": iterated_sentence(found, unit),
        "processes": told,
        "likenesses": likenesses(found),
    }


_TOLD = ("name", "of", "at", "levels", "spent", "quality", "trend", "per_doubling", "curve")


def iterated_lines(body: dict[str, Any]) -> list[str]:
    lines = [body["sentence"]]
    lines += [
        f"  {p['name']} of {p['of']} at {p['at']}: {p['trend'].direction}, per doubling {shown(p['per_doubling'])}"
        for p in body["processes"]
    ]
    return lines + [
        f"  {x.one} against {x.two}: {x.word} ({shown(x.difference)})" for x in body["likenesses"]
    ]


def searched(group: Group, sent: Sequence[Sent]) -> dict[str, Any]:
    """What the searches of one surface were."""
    parts = {"think": by_think(sent), "hops": by_hops(sent), "place": by_place(sent)}
    return {"surface": group, "at": max((s.search for s in sent), default=0), **parts}


def searches_lines(found: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    for one in found:
        lines.append(f"{one['surface'].name}: every search, at search {one['at']}")
        lines += [
            f"  {name} {s.at}: " + ", ".join(f"{k} {v}" for k, v in row.items() if k != name)
            for name in ("think", "hops", "place")
            for s, row in zip(one[name], looks_rows(one[name], name), strict=True)
        ]
    return lines


# ------------------------------------------------------------------------------------------ allocate


def allocated(
    some: tuple[Panel, ...],
    by: Sequence[str],
    unit: str,
    margin: float,
    spend: float | None,
    quality: float | None,
    trained: Mapping[str, Trained] | None = None,
) -> dict[str, Any]:
    """The recommendation over all surfaces, and each surface's own lines."""
    whole = table(some, unit)
    return {
        "recommendation": whole if isinstance(whole, Unknown) else choose(whole, margin),
        "strata": _recommended(some, by, unit, margin),
        "front": whole if isinstance(whole, Unknown) else frontier.front(whole),
        "crossings": () if isinstance(whole, Unknown) else frontier.fronts_cross(whole),
        "wide_deep": frontier.wide_deep(some),
        "training": [
            {"sentence": payoff_sentence(p), "payoff": p} for p in payoffs(some, trained or {})
        ],
        "surfaces": [_surface(p, by, unit, spend, quality) for p in some],
    }


def _recommended(
    some: tuple[Panel, ...], by: Sequence[str], unit: str, margin: float
) -> list[dict[str, Any]]:
    """One recommendation a stratum."""
    if not by:
        return []
    parts: dict[Stratum, list[Panel]] = {}
    for p in some:
        for name, part in strata(p, by).items():
            parts.setdefault(name, []).append(part)
    found = []
    for name, panels in parts.items():
        whole = table(tuple(panels), unit)
        choice = whole if isinstance(whole, Unknown) else choose(whole, margin)
        found.append({"stratum": dict(name), "recommendation": choice})
    return found


def _surface(
    panel: Panel, by: Sequence[str], unit: str, spend: float | None, quality: float | None
) -> dict[str, Any]:
    return {
        "surface": panel.group,
        "thinned": panel.thinned,
        "path": allocation.path(panel, unit),
        "next": allocation.every_next(panel, unit),
        "iso_cost": None if spend is None else allocation.walk(panel, spend, unit),
        "iso_quality": None if quality is None else allocation.iso_quality(panel, quality, unit),
        "yields": [y for name in by for y in yields(panel, name)],
    }


def allocated_lines(body: dict[str, Any], unit: str) -> list[str]:
    lines = [_recommendation(body["recommendation"])]
    for one in body["strata"]:
        name = named(tuple(one["stratum"].items()))
        lines.append(f"  {name}: {_recommendation(one['recommendation'])}")
    front = body["front"]
    lines.append(f"Front over {unit}:" if not isinstance(front, Unknown) else f"Front: {front.why}")
    for on in () if isinstance(front, Unknown) else front:
        lines.append(
            f"  {on.spend:10.4g}  {on.quality:.3f}  {on.cell.name} (in {on.share:.0%} of draws)"
        )
    for c in body["crossings"]:
        word = "" if c.certain else " (not certain)"
        first, last = (c.one, c.two) if c.at_first.value > 0 else (c.two, c.one)
        lines.append(f"{first.name} leads up to {shown(c.at)} {unit}, then {last.name}{word}")
    for one in body["surfaces"]:
        lines += _surface_lines(one, unit)
    for w in body["wide_deep"]:
        lines.append(
            f"{w.wide.name}: width {w.wide.width} against {w.deep.width} at search {w.search}, "
            f"think {w.think}: {shown(w.wide_minus_deep.difference)}, {w.wide_minus_deep.state}"
        )
    return lines + [one["sentence"] for one in body["training"]]


def _recommendation(found: Choice | Unknown) -> str:
    return f"No recommendation: {found.why}." if isinstance(found, Unknown) else found.sentence


def _surface_lines(one: dict[str, Any], unit: str) -> list[str]:
    lines = [f"{one['surface'].name}: where the next unit goes", *_thinned(one)]
    for n in one["next"]:
        gains = ", ".join(f"{g.axis} to {g.to}: {shown(g.quality)}" for g in n.gains)
        lines.append(
            f"  search {n.search:>3} think {n.think:>5}: {n.word}" + f" ({gains})" * bool(gains)
        )
    for title, found in (
        ("equal spending", one["iso_cost"]),
        ("equal quality", one["iso_quality"]),
    ):
        if isinstance(found, Unknown):
            lines.append(f"  {title}: {found.why}")
        elif found is not None:
            lines += [
                f"  {title}: search {m.point.search:.3g} think {m.point.think:.4g}: "
                f"{shown(m.quality)} for {m.spend:.4g} {unit}"
                for m in found.mixes
            ]
    lines += [
        f"  {y.stratum}={y.value}: searches {shown(y.searches)}, evidence per search {shown(y.gold_per_search)}"
        for y in one["yields"]
    ]
    return lines


# ------------------------------------------------------------------------------------------ verdict


def judged(
    panel: Panel,
    by: Sequence[str],
    unit: str,
    at_search: int | None,
    at_think: int | None,
    margin: float,
) -> dict[str, Any]:
    """A verdict with its sentence and evidence."""
    found = verdict(panel, unit, by, at_search, at_think, margin)
    under: Evidence | Unknown = Unknown(found.mixture.why or "nothing was compared")
    if found.placed is not None:
        under = evidence(*found.placed)
    return {
        "surface": panel.group,
        "thinned": panel.thinned,
        "word": found.mixture.word,
        "sentence": sentence(found),
        "verdict": found,
        "evidence": under,
    }


def judged_lines(one: dict[str, Any]) -> list[str]:
    found, under = one["verdict"], one["evidence"]
    lines = [one["sentence"], *_thinned(one)]
    for part in (found.mixture, *found.strata):
        name = named(part.stratum) or "all questions"
        lines.append(
            f"  {name}: weight {part.weight:.2f}, n {part.questions}: {part.word} {part.why}".rstrip()
        )
        for c in part.compared:
            lines.append(
                f"    {c.name}: search {shown(c.search)}, think {shown(c.think)}, "
                f"apart {shown(c.difference)}; finds {c.detectable:.2g}"
            )
    if isinstance(under, Evidence):
        lines.append(f"  both as {under.family} (alone: {under.own[0]}, {under.own[1]})")
        lines += [
            f"    {a.name}: search {shown(a.search)}, think {shown(a.think)}, apart {shown(a.difference)}"
            for a in under.apart
        ]
    if found.needed is not None:
        lines.append(f"  {wanted(found.needed)}; --plan FILE writes the plan")
    return lines
