"""Fictional worlds: corpus, questions and worked solutions from a seed."""

from engine.worlds.names import Split
from engine.worlds.solutions import Lookup, Operand, Solution
from engine.worlds.world import World, build

__all__ = ["Lookup", "Operand", "Solution", "Split", "World", "build"]
