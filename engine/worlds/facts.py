"""Draws the entities of a world and what is true of them.

A fact joins one entity to another or to a number. Lives, foundings and voyages are dated so that
they fit together (a novel appears in the lifetime of its author). How a fact is worded, and where
it is written, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random

from engine.worlds.names import POOLS, Pool, Split


@dataclass(frozen=True, slots=True)
class Entity:
    """One made-up thing; its name is unique in its world."""

    kind: str
    name: str
    article: str = ""
    """`the ` where the name takes one in running text."""
    alias: str = ""
    """A by-name or nickname, empty when there is none."""
    pronoun: str = "it"

    @property
    def text(self) -> str:
        """The name as it stands in a sentence."""
        return self.article + self.name

    @property
    def names(self) -> tuple[str, ...]:
        """The name and the alias, without articles."""
        return (self.name, self.alias) if self.alias else (self.name,)

    @property
    def short(self) -> str:
        """`Opora Hurlwell` -> `O. Hurlwell` for persons, else empty."""
        return f"{self.name[0]}. {self.name.split()[-1]}" if self.kind == "person" else ""


@dataclass(frozen=True, slots=True)
class Fact:
    """`value` is what `relation` (such as `novel.author`) says of `subject`."""

    subject: Entity
    relation: str
    value: Entity | int


SHARES: dict[str, float] = {
    "person": 0.27,
    "town": 0.15,
    "region": 0.04,
    "novel": 0.14,
    "guild": 0.08,
    "expedition": 0.07,
    "ship": 0.08,
    "instrument": 0.06,
    "school": 0.06,
    "festival": 0.05,
}
"""Parts of the world by kind; each kind has at least two entities."""

ALIASED = 0.9
"""Share of persons, towns and guilds that go by a second name too."""

_NUMBERS: dict[str, tuple[int, int]] = {
    "town.population": (1100, 9900),
    "region.area": (1100, 9900),
    "novel.pages": (110, 980),
    "guild.members": (110, 980),
    "expedition.days": (110, 980),
    "ship.crew": (110, 720),
    "instrument.weight": (110, 720),
    "school.pupils": (110, 980),
    "festival.visitors": (1100, 9900),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true in one world, in the order it was drawn."""

    entities: tuple[Entity, ...]
    facts: tuple[Fact, ...]


def draw(rng: Random, split: Split, count: int) -> Facts:
    """About `count` entities with four facts each."""
    cast = _cast(rng, POOLS[split], count)
    return Facts(tuple(e for kind in SHARES for e in cast[kind]), tuple(_truths(rng, cast)))


# --------------------------------------------------------------------------------------- entities


def _cast(rng: Random, pool: Pool, count: int) -> dict[str, list[Entity]]:
    taken: set[str] = set()
    return {
        kind: _entities(rng, pool, kind, max(2, round(count * share)), taken)
        for kind, share in SHARES.items()
    }


def _entities(rng: Random, pool: Pool, kind: str, count: int, taken: set[str]) -> list[Entity]:
    made: list[Entity] = []
    while len(made) < count:
        entity = _MAKERS[kind](rng, pool)
        if entity.name in taken or f"by-name {entity.short}" in taken:
            continue
        if entity.alias in taken or entity.short in taken:
            entity = replace(entity, alias="")
        taken.update(n for n in (*entity.names, entity.short) if n)
        if entity.alias and entity.short:
            taken.add(f"by-name {entity.short}")
        made.append(entity)
    return made


def _person(rng: Random, pool: Pool) -> Entity:
    woman = rng.random() < 0.5
    first = rng.choice(pool.women if woman else pool.men)
    by_name = (
        f"{rng.choice(pool.adjectives)} {rng.choice(pool.trades)}" if rng.random() < ALIASED else ""
    )
    return Entity(
        "person", f"{first} {rng.choice(pool.surnames)}", "", by_name, "she" if woman else "he"
    )


def _town(rng: Random, pool: Pool) -> Entity:
    nickname = ""
    if rng.random() < ALIASED:
        nickname = f"City of {rng.choice(pool.adjectives)} {rng.choice(pool.plenty)}"
    return Entity("town", rng.choice(pool.stems) + rng.choice(pool.town_endings), "", nickname)


def _region(rng: Random, pool: Pool) -> Entity:
    return Entity("region", rng.choice(pool.stems) + rng.choice(pool.region_endings))


def _novel(rng: Random, pool: Pool) -> Entity:
    adjective, noun, other = (
        rng.choice(pool.adjectives),
        rng.choice(pool.nouns),
        rng.choice(pool.nouns),
    )
    title = rng.choice(
        (f"The {adjective} {noun}", f"The {adjective} {noun}", f"{adjective} {noun} and {other}")
    )
    return Entity("novel", title)


def _guild(rng: Random, pool: Pool) -> Entity:
    nickname = f"{rng.choice(pool.adjectives)} {rng.choice(pool.badges)}"
    name = f"Guild of the {rng.choice(pool.adjectives)} {rng.choice(pool.nouns)}"
    return Entity("guild", name, "the ", nickname if rng.random() < ALIASED else "")


def _expedition(rng: Random, pool: Pool) -> Entity:
    number = rng.choice(("First", "Second", "Third", "Fourth"))
    return Entity("expedition", f"{number} {rng.choice(pool.stems)} Expedition", "the ")


def _ship(rng: Random, pool: Pool) -> Entity:
    return Entity("ship", f"{rng.choice(pool.adjectives)} {rng.choice(pool.animals)}", "the ")


def _instrument(rng: Random, pool: Pool) -> Entity:
    size = rng.choice(("great ", "small ", "double "))
    return Entity(
        "instrument",
        size + rng.choice(pool.stems).lower() + rng.choice(pool.instrument_endings),
        "the ",
    )


def _school(rng: Random, pool: Pool) -> Entity:
    return Entity(
        "school",
        f"{rng.choice(pool.stems)} {rng.choice(('Academy', 'College', 'School'))} "
        f"of {rng.choice(('Music', 'Medicine', 'Law', 'Navigation', 'Painting'))}",
    )


def _festival(rng: Random, pool: Pool) -> Entity:
    return Entity(
        "festival",
        f"{rng.choice(pool.adjectives)} {rng.choice(pool.nouns)} {rng.choice(pool.fairs)}",
        "the ",
    )


_MAKERS: dict[str, Callable[[Random, Pool], Entity]] = {
    "person": _person,
    "town": _town,
    "region": _region,
    "novel": _novel,
    "guild": _guild,
    "expedition": _expedition,
    "ship": _ship,
    "instrument": _instrument,
    "school": _school,
    "festival": _festival,
}


# ------------------------------------------------------------------------------------------ facts


def _truths(rng: Random, cast: dict[str, list[Entity]]) -> Iterator[Fact]:
    born = {p.name: rng.randrange(1705, 1930) for p in cast["person"]}
    founded = {t.name: rng.randrange(1610, 1890) for t in cast["town"]}
    fathers = {g.name: rng.choice(cast["person"]) for g in cast["guild"]}
    guilds = {g.name: born[fathers[g.name].name] + rng.randrange(24, 56) for g in cast["guild"]}
    captains = {s.name: rng.choice(cast["person"]) for s in cast["ship"]}
    launched = {s.name: born[captains[s.name].name] + rng.randrange(22, 52) for s in cast["ship"]}

    def somewhere(year: int) -> Entity:
        return _fitting(rng, cast["town"], lambda t: founded[t.name] < year)

    yield from _lives(rng, cast, born, guilds, somewhere)
    for town in cast["town"]:
        yield Fact(town, "town.region", rng.choice(cast["region"]))
        yield Fact(town, "town.founded", founded[town.name])
        yield Fact(town, "town.population", _number(rng, "town.population"))
        yield Fact(town, "town.mayor", rng.choice(cast["person"]))
    for region in cast["region"]:
        yield Fact(region, "region.capital", rng.choice(cast["town"]))
        yield Fact(region, "region.ruler", rng.choice(cast["person"]))
        yield Fact(region, "region.area", _number(rng, "region.area"))
        yield Fact(region, "region.school", rng.choice(cast["school"]))
    for guild in cast["guild"]:
        yield Fact(guild, "guild.founder", fathers[guild.name])
        yield Fact(guild, "guild.founded", guilds[guild.name])
        yield Fact(guild, "guild.members", _number(rng, "guild.members"))
        yield Fact(guild, "guild.seat", somewhere(guilds[guild.name]))
    for ship in cast["ship"]:
        yield Fact(ship, "ship.captain", captains[ship.name])
        yield Fact(ship, "ship.launched", launched[ship.name])
        yield Fact(ship, "ship.crew", _number(rng, "ship.crew"))
        yield Fact(ship, "ship.built_in", somewhere(launched[ship.name]))
    for expedition in cast["expedition"]:
        leader = rng.choice(cast["person"])
        year = born[leader.name] + rng.randrange(24, 56)
        ship = _fitting(rng, cast["ship"], lambda s, y=year: y - 40 < launched[s.name] < y)  # type: ignore[misc]
        yield Fact(expedition, "expedition.leader", leader)
        yield Fact(expedition, "expedition.set_out", year)
        yield Fact(expedition, "expedition.days", _number(rng, "expedition.days"))
        yield Fact(expedition, "expedition.ship", ship)
    yield from _works(rng, cast, born, somewhere)


def _lives(
    rng: Random,
    cast: dict[str, list[Entity]],
    born: dict[str, int],
    guilds: dict[str, int],
    somewhere: Callable[[int], Entity],
) -> Iterator[Fact]:
    """The facts of persons. A marriage is told of one of the two only; the other has a teacher."""
    by_age = sorted(cast["person"], key=lambda p: (born[p.name], p.name))
    for place, person in enumerate(by_age):
        year = born[person.name]
        yield Fact(person, "person.born_in", somewhere(year))
        yield Fact(person, "person.born", year)
        guild = _fitting(rng, cast["guild"], lambda g, y=year: y - 60 < guilds[g.name] < y + 50)  # type: ignore[misc]
        yield Fact(person, "person.guild", guild)
        if place % 2 == 0 and place + 1 < len(by_age):
            yield Fact(person, "person.spouse", by_age[place + 1])
        else:
            older = by_age[max(0, place - 40) : max(1, place - 4)]
            yield Fact(
                person,
                "person.teacher",
                rng.choice([p for p in older if p is not person] or by_age[:1]),
            )


def _works(
    rng: Random,
    cast: dict[str, list[Entity]],
    born: dict[str, int],
    somewhere: Callable[[int], Entity],
) -> Iterator[Fact]:
    """Novels, instruments, schools and festivals: a person made each of them at a working age."""
    for kind, maker, year_of, size, place in (
        ("novel", "author", "published", "pages", "setting"),
        ("instrument", "inventor", "invented", "weight", "kept_in"),
        ("school", "founder", "founded", "pupils", "town"),
        ("festival", "founder", "first_held", "visitors", "town"),
    ):
        for entity in cast[kind]:
            person = rng.choice(cast["person"])
            year = born[person.name] + rng.randrange(21, 60)
            yield Fact(entity, f"{kind}.{maker}", person)
            yield Fact(entity, f"{kind}.{year_of}", year)
            yield Fact(entity, f"{kind}.{size}", _number(rng, f"{kind}.{size}"))
            yield Fact(entity, f"{kind}.{place}", somewhere(year))


def _fitting(rng: Random, entities: Iterable[Entity], fits: Callable[[Entity], bool]) -> Entity:
    """One that fits the dates, or any when none does."""
    every = list(entities)
    return rng.choice([e for e in every if fits(e)] or every)


def _number(rng: Random, relation: str) -> int:
    low, high = _NUMBERS[relation]
    return rng.randrange(low, high)
