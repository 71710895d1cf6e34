"""More ways to word facts and questions, for train worlds only; data only.

Worlds state and ask each relation in a few words; a searcher that saw only these would learn the words and not what
they mean. None of these stands in `engine/worlds`, neither among the trained nor among the untrained wordings.
Placeholders are those of `engine/worlds/phrasings.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from engine.worlds.phrasings import WORDINGS, Wording
from training.further_paraphrases import FURTHER


class More(NamedTuple):
    """Further wordings of one relation."""

    says: tuple[str, ...]
    ask: tuple[str, ...]
    noun: tuple[str, ...]


MORE: dict[str, More] = {
    "person.born_in": More(
        (
            "{s} first saw daylight in {o}",
            "the cradle of {m} stood in {o}",
            "{s} hailed from {o}",
        ),
        ("Where did {m} come from?", "In which town did the cradle of {m} stand?"),
        ("the town that {m} came from", "the place where {m} first saw daylight"),
    ),
    "person.born": More(
        (
            "{o} is given as the year in which {s} was born",
            "the cradle of {m} was filled in {o}",
            "{s} was a baby in {o}",
        ),
        ("Which year saw the birth of {m}?", "In what year did {m} come into the world?"),
        ("the year in which {m} was born", "the first day of life of {m}"),
    ),
    "person.spouse": More(
        (
            "{s} took {o} as partner for life",
            "{o} said yes to {m} and stayed",
            "{s} and {o} were husband and wife",
        ),
        ("To whom was {m} wed?", "Who shared a marriage with {m}?"),
        ("the husband or wife of {m}", "the one who was wed to {m}"),
    ),
    "person.teacher": More(
        (
            "{o} trained {m}",
            "{s} studied under {o}",
            "the lessons of {m} came from {o}",
        ),
        ("Under whom did {m} study?", "Who trained {m}?"),
        ("the tutor of {m}", "the one under whom {m} studied"),
    ),
    "person.guild": More(
        (
            "{s} paid dues to {o}",
            "{o} took {m} in",
            "{s} wore the badge of {o}",
        ),
        ("To which guild did {m} pay dues?", "Whose badge did {m} wear?"),
        ("the guild whose badge {m} wore", "the guild that took {m} in"),
    ),
    "town.region": More(
        (
            "{s} is one of the towns of {o}",
            "travellers to {m} must enter {o}",
            "{o} includes {m}",
        ),
        ("To which region does {m} belong?", "Where on the map is {m}, in which region?"),
        ("the region that includes {m}", "the region to which {m} belongs"),
    ),
    "town.founded": More(
        (
            "{o} is the year in which {s} began",
            "people first settled at {m} in {o}",
            "{s} was laid out in {o}",
        ),
        ("In what year was {m} laid out?", "Since when has {m} existed?"),
        ("the year in which {m} began", "the first settlement of {m}"),
    ),
    "town.population": More(
        (
            "{s} houses {o} people",
            "{o} persons dwell in {m}",
            "there are {o} townsfolk in {m}",
        ),
        ("How many townsfolk are there in {m}?", "How big is {m}, counted in people?"),
        ("the number of inhabitants of {m}", "the number of townsfolk in {m}"),
    ),
    "town.mayor": More(
        (
            "{o} held the office of mayor in {m}",
            "{s} voted {o} into the town hall",
            "{o} ran the town hall of {m}",
        ),
        ("Who ran the town hall of {m}?", "Whom did {m} elect as mayor?"),
        ("the person who ran the town hall of {m}", "the holder of the office of mayor in {m}"),
    ),
    "region.capital": More(
        (
            "{s} is run from {o}",
            "the government of {m} meets in {o}",
            "{o} is the leading town of {m}",
        ),
        ("From which town is {m} run?", "In which town does the government of {m} meet?"),
        ("the seat of government of {m}", "the leading town of {m}"),
    ),
    "region.ruler": More(
        (
            "{o} wore the crown of {m}",
            "{o} reigned over {m}",
            "{s} was under the rule of {o}",
        ),
        ("Who reigned over {m}?", "Under whose rule was {m}?"),
        ("the person who reigned over {m}", "the wearer of the crown of {m}"),
    ),
    "region.area": More(
        (
            "{s} measures {o} square miles",
            "{o} square miles belong to {m}",
            "the land of {m} comes to {o} square miles",
        ),
        ("How large is {m} in square miles?", "How many square miles belong to {m}?"),
        ("the size of {m} in square miles", "the land of {m} in square miles"),
    ),
    "region.school": More(
        (
            "{o} was teaching in {m} before any other school",
            "the first school of {m} was {o}",
            "among the schools of {m} the oldest is {o}",
        ),
        ("Which school in {m} came first?", "Which school was teaching in {m} before all others?"),
        ("the first school of {m}", "the school of {m} that came before all others"),
    ),
    "novel.author": More(
        (
            "{o} penned {m}",
            "{s} is a book by {o}",
            "{o} spent nine years at work on {m}",
        ),
        ("Who penned {m}?", "Who is the writer of {m}?"),
        ("the writer of {m}", "the person who penned {m}"),
    ),
    "novel.published": More(
        (
            "{s} was printed for the first time in {o}",
            "{o} brought the first edition of {m}",
            "{s} went on sale in {o}",
        ),
        ("In what year did {m} go on sale?", "When was the first edition of {m} printed?"),
        ("the first edition of {m}", "the first printing of {m}"),
    ),
    "novel.pages": More(
        (
            "{o} pages make up {m}",
            "whoever opens {m} has {o} pages ahead",
            "{s} needs {o} pages to tell its tale",
        ),
        ("How many pages make up {m}?", "How thick is {m}, counted in pages?"),
        ("the pages that make up {m}", "the thickness of {m} in pages"),
    ),
    "novel.setting": More(
        (
            "{s} plays in {o}",
            "the people of {m} walk about in {o}",
            "{o} is where {s} happens",
        ),
        ("In which town does {m} play?", "Where do the events of {m} happen?"),
        ("the town in which {m} plays", "the place where {m} happens"),
    ),
    "guild.founder": More(
        (
            "{o} started {m}",
            "{s} was established by {o}",
            "{s} began with {o}",
        ),
        ("Who started {m}?", "By whom was {m} established?"),
        ("the person who started {m}", "the one who established {m}"),
    ),
    "guild.founded": More(
        (
            "{s} was established in {o}",
            "{s} has met since {o}",
            "{o} was the first year of {m}",
        ),
        ("When was {m} established?", "Since which year has {m} met?"),
        ("the establishment of {m}", "the first meeting of {m}"),
    ),
    "guild.members": More(
        (
            "{o} people belong to {m}",
            "{s} is {o} strong",
            "{s} has grown to {o} members",
        ),
        ("How many people belong to {m}?", "How strong is {m}, counted in members?"),
        ("the number of people in {m}", "the size of {m} in members"),
    ),
    "guild.seat": More(
        (
            "{s} is at home in {o}",
            "the masters of {m} gather in {o}",
            "the headquarters of {m} are in {o}",
        ),
        ("Where are the headquarters of {m}?", "In which town do the masters of {m} gather?"),
        ("the headquarters of {m}", "the town where the masters of {m} gather"),
    ),
    "expedition.leader": More(
        (
            "{o} headed {m}",
            "{o} gave the orders on {m}",
            "{o} walked at the head of {m}",
        ),
        ("Who headed {m}?", "Who gave the orders on {m}?"),
        ("the head of {m}", "the person who headed {m}"),
    ),
    "expedition.set_out": More(
        (
            "{s} left in {o}",
            "{o} saw {m} leave",
            "{s} started its journey in {o}",
        ),
        ("In what year did {m} leave?", "When did {m} start its journey?"),
        ("the start of the journey of {m}", "the setting out of {m}"),
    ),
    "expedition.days": More(
        (
            "{s} needed {o} days",
            "{s} was away for {o} days",
            "{o} days went by on {m}",
        ),
        ("For how many days was {m} away?", "How long was {m} under way, in days?"),
        ("the days that {m} was away", "the time that {m} needed in days"),
    ),
    "expedition.ship": More(
        (
            "the people of {m} lived on {o}",
            "{s} had {o} for its ship",
            "{s} put to sea with {o}",
        ),
        ("With which ship did {m} put to sea?", "What was the name of the ship of {m}?"),
        ("the ship with which {m} put to sea", "the ship on which {m} travelled"),
    ),
    "ship.captain": More(
        (
            "{o} was in charge of {m}",
            "{o} steered {m} through ice and fog",
            "{s} was captained by {o}",
        ),
        ("Who was in charge of {m}?", "Under whom did {m} sail?"),
        ("the person in charge of {m}", "the skipper of {m}"),
    ),
    "ship.launched": More(
        (
            "{s} first floated in {o}",
            "{s} was christened in {o}",
            "{o} was the year in which {s} slid into the water",
        ),
        ("In what year did {m} first float?", "When did {m} slide into the water?"),
        ("the christening of {m}", "the year in which {m} first floated"),
    ),
    "ship.crew": More(
        (
            "{s} needed {o} hands",
            "{o} men and women worked {m}",
            "{s} was sailed by {o} people",
        ),
        ("How many people sailed {m}?", "How many hands did {m} need?"),
        ("the number of hands on {m}", "the size of the crew of {m}"),
    ),
    "ship.built_in": More(
        (
            "shipwrights of {o} put {m} together",
            "{s} was a product of {o}",
            "the shipyard of {m} was in {o}",
        ),
        ("In which town was the shipyard of {m}?", "Shipwrights of which town made {m}?"),
        ("the town of the shipyard of {m}", "the town whose shipwrights made {m}"),
    ),
    "instrument.inventor": More(
        (
            "{o} thought up {m}",
            "{s} was first built by {o}",
            "the idea of {m} came to {o}",
        ),
        ("Who thought up {m}?", "By whom was {m} first built?"),
        ("the person who thought up {m}", "the creator of {m}"),
    ),
    "instrument.invented": More(
        (
            "{s} was first built in {o}",
            "{o} is the year of {m}'s invention",
            "{s} has existed since {o}",
        ),
        ("In what year was {m} first built?", "Since when has {m} existed?"),
        ("the first building of {m}", "the year in which {m} was thought up"),
    ),
    "instrument.weight": More(
        (
            "{s} is {o} pounds heavy",
            "{s} puts {o} pounds on the floor",
            "it takes strength to lift the {o} pounds of {m}",
        ),
        ("How heavy is {m} in pounds?", "How many pounds are needed to balance {m}?"),
        ("the heaviness of {m} in pounds", "the pounds that {m} brings to the floor"),
    ),
    "instrument.kept_in": More(
        (
            "{s} stands in a hall in {o}",
            "whoever wants to see {m} must go to {o}",
            "{s} is housed in {o}",
        ),
        ("Where is {m} housed?", "To which town must one go to see {m}?"),
        ("the town where {m} is housed", "the town that shows {m}"),
    ),
    "school.founder": More(
        (
            "{o} started {m}",
            "{s} was established by {o}",
            "{s} began with a gift from {o}",
        ),
        ("Who started {m}?", "By whom was {m} established?"),
        ("the person who started {m}", "the one who established {m}"),
    ),
    "school.founded": More(
        (
            "{s} was established in {o}",
            "{s} took its first pupils in {o}",
            "{o} was the first year of {m}",
        ),
        ("When was {m} established?", "In what year did {m} take its first pupils?"),
        ("the establishment of {m}", "the opening of {m}"),
    ),
    "school.pupils": More(
        (
            "{o} children learn at {m}",
            "{s} is attended by {o} children",
            "{s} has room for {o} pupils and needs it",
        ),
        ("How many children learn at {m}?", "By how many children is {m} attended?"),
        ("the number of children at {m}", "the size of {m} in pupils"),
    ),
    "school.town": More(
        (
            "the classrooms of {m} are in {o}",
            "pupils walk through {o} to {m}",
            "{s} can be found in {o}",
        ),
        ("Where can {m} be found?", "In which town are the classrooms of {m}?"),
        ("the town where {m} can be found", "the town around {m}"),
    ),
    "festival.founder": More(
        (
            "{o} started {m}",
            "{s} was established by {o}",
            "{s} was an idea of {o}",
        ),
        ("Who started {m}?", "Whose idea was {m}?"),
        ("the person who started {m}", "the one whose idea {m} was"),
    ),
    "festival.first_held": More(
        (
            "{s} was celebrated for the first time in {o}",
            "{s} goes back to {o}",
            "{o} saw the first {m}",
        ),
        ("When was {m} celebrated for the first time?", "To which year does {m} go back?"),
        ("the first celebration of {m}", "the beginnings of {m}"),
    ),
    "festival.visitors": More(
        (
            "{o} people attend {m}",
            "{s} is attended by {o} people",
            "{s} has {o} visitors",
        ),
        ("How many people attend {m}?", "By how many people is {m} attended?"),
        ("the number of people who attend {m}", "the crowd at {m}"),
    ),
    "festival.town": More(
        (
            "{s} is celebrated in {o}",
            "{o} is decorated for {m}",
            "visitors of {m} sleep in {o}",
        ),
        ("Where is {m} celebrated?", "Which town is decorated for {m}?"),
        ("the town where {m} is celebrated", "the town that is decorated for {m}"),
    ),
}


def wordings(further: bool = False) -> Mapping[str, Wording]:
    """The wordings of a train world with these beside them, and with still more; the plain question stays the first."""
    found = {}
    for relation, wording in WORDINGS.items():
        more = [MORE[relation], *([More(*FURTHER[relation])] if further else [])]
        found[relation] = replace(
            wording,
            says=(*wording.says, *(text for one in more for text in one.says)),
            ask=(*wording.ask, *(text for one in more for text in one.ask)),
            noun=(*wording.noun, *(text for one in more for text in one.noun)),
        )
    return found
