"""The material of made-up names, one pool per split; data only.

The pools of the two splits share no word, so worlds of different splits share no name whatever
their seeds. Words recur across kinds on purpose (a town, a school and an expedition may share a
stem), so that one query is not enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class Pool:
    """Words of one split; endings are joined to beginnings without a space."""

    women: tuple[str, ...]
    men: tuple[str, ...]
    surnames: tuple[str, ...]
    stems: tuple[str, ...]
    town_endings: tuple[str, ...]
    region_endings: tuple[str, ...]
    instrument_endings: tuple[str, ...]
    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]
    animals: tuple[str, ...]
    trades: tuple[str, ...]
    plenty: tuple[str, ...]
    """Plural nouns for the nicknames of towns."""
    fairs: tuple[str, ...]
    badges: tuple[str, ...]
    """For the nicknames of guilds."""


def _joined(beginnings: str, endings: str) -> tuple[str, ...]:
    return tuple(a + b for a in beginnings.split() for b in endings.split())


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


POOLS: dict[Split, Pool] = {
    "train": Pool(
        women=_joined("Am Bel Cor Dov El Fen Gis Hal Il Jor Kal Lum Mar Nev Or", "unda elka iveth"),
        men=_joined("Ald Bor Cav Dur Erk Gar Hob Ist Jad Kor Lod Mund Nor Osk", "emar ulf anic"),
        surnames=_joined(
            "Ash Brack Cull Drev Fask Gorm Hald Keld Lorv Morn Pell Quar Rusk Stav Thorl Veld",
            "ander imer oway ick umber",
        ),
        stems=_words(
            "Adrel Balm Corv Dask Elmar Farn Gult Harv Iskel Jorn Kest Larn Mold Nask Orrel Palv "
            "Quen Rast Selk Tarn Ulver Varn Wexel Yarl Zand Brith Crell Drusk Fland Grend Hulm "
            "Klave Moth Plesk Skarn Treb"
        ),
        town_endings=_words("wick mere ford dale holm gate burn"),
        region_endings=_words("mark land reach"),
        instrument_endings=_words("horn lute chord"),
        adjectives=_words(
            "Amber Broken Copper Distant Empty Frozen Golden Hidden Iron Jagged Kindled Leaden "
            "Midnight Narrow Open Painted Quiet Restless Silver Tangled Upright Velvet Wandering "
            "Yellow Ashen Borrowed Crooked Drowned Early Faded"
        ),
        nouns=_words(
            "Anchor Bridge Candle Door Ember Field Garden Harbour Island Jar Key Lantern Mirror "
            "Needle Orchard Path Quill River Stair Tower Umbrella Valley Window Yoke Arrow Basket "
            "Cellar Drum Engine Feather Glove Hammer"
        ),
        animals=_words(
            "Heron Otter Falcon Badger Salmon Marten Plover Stag Adder Beetle Curlew Dolphin "
            "Ermine Finch Gannet Hare"
        ),
        trades=_words(
            "Baker Cooper Dyer Fiddler Glazier Hatter Joiner Miller Porter Ropemaker Saddler "
            "Tanner Weaver Piper Thatcher Tinker"
        ),
        plenty=_words(
            "Bells Kites Barrels Canals Chimneys Doves Ferries Gables Herons Looms Mills Plums "
            "Ropes Steps Tulips Walnuts"
        ),
        fairs=_words("Fair Revel Pageant"),
        badges=_words("Glove Hood Sash Apron Boot Collar Thumb Ring"),
    ),
    "test": Pool(
        women=_joined("Ag Bri Cass Dil Ev Fre Gwin Hes Id Jun Kir Lav Mir Nal Op", "ora wyth anne"),
        men=_joined(
            "Arv Bast Cord Dag Ed Fol Grim Hart Iv Jor Kas Len Mort Nik Ott", "ovan ius eric"
        ),
        surnames=_joined(
            "Bald Crow Dorn Eck Fell Grav Hurl Jess Kemp Lath Mard Nether Orm Prin Rav Sorr",
            "stone well ley iver ett",
        ),
        stems=_words(
            "Aumel Brask Cindr Dovel Esker Fostr Glenn Hesper Ilmar Junip Kolv Lyss Merv Nolb "
            "Ostrel Pirn Quist Ruvel Sarb Tolv Umbr Vesk Wollen Yster Zemb Blorn Clave Drimm "
            "Frosk Gavel"
        ),
        town_endings=_words("by stead haven combe thorpe minster"),
        region_endings=_words("shire moor vale"),
        instrument_endings=_words("viol flute bell"),
        adjectives=_words(
            "Burning Crimson Dusty Eastern Forgotten Green Hollow Ivory Jewelled Kindly Lonely "
            "Marble Northern Old Pale Ragged Scarlet Tidal Unlit Violet Winter Bitter Cloudy Dim "
            "Endless Folded"
        ),
        nouns=_words(
            "Acorn Bell Clock Desk Elm Fountain Gate Hill Inkwell Jetty Kettle Ladder Meadow Nest "
            "Oar Pier Quarry Road Sail Thimble Urn Veil Well Axle Bottle Chapel Dune Easel"
        ),
        animals=_words(
            "Puffin Fox Kestrel Mole Trout Weasel Tern Doe Viper Moth Snipe Seal Stoat Wren"
        ),
        trades=_words(
            "Barber Carter Draper Farrier Gilder Mason Painter Sexton Turner Ferryman Printer "
            "Drummer Fowler Brewer"
        ),
        plenty=_words(
            "Arches Bridges Cherries Domes Fountains Gulls Hedges Lamps Orchards Pigeons Roses "
            "Spires Wells Vines"
        ),
        fairs=_words("Feast Festival Carnival"),
        badges=_words("Cap Cloak Scarf Belt Sleeve Medal Tassel Pin"),
    ),
}
