"""Surfaces made by hand for the analyses: scores as an array, spending as a rule."""

import numpy as np
from scipy.special import ndtri

from engine.analysis.panel import SPENT, Group, Panel

SEARCH, THINK = (0, 1, 2, 4, 8, 16, 32), (0, 32, 64, 128, 256, 512, 1024)


def tokens(search, think):
    """100, and 150 a search, and 3 a thinking token."""
    return 100.0 + 150.0 * np.array(search)[:, None] + 3.0 * np.array(think)[None, :]


CORAG = Group("corag", "small")


def panel_of(y, search, think, group=CORAG, spend=None, strata=None, **spent):
    """A panel of scores (questions x search x think), NaN where nothing ran."""
    y = np.asarray(y, dtype=float)
    plain = tokens(search, think) if spend is None else np.asarray(spend, dtype=float)
    each = {name: np.where(np.isfinite(y), plain, np.nan) for name in SPENT} | spent
    return Panel(
        group,
        tuple(f"q{i}" for i in range(len(y))),
        strata or tuple({"hops": i % 2, "operations": 0, "phrasing": None} for i in range(len(y))),
        tuple(search),
        tuple(think),
        np.isfinite(y).astype(float),
        y,
        each,
    )


def scores(quality, questions, seed=0, shared=0.5):
    """Right or wrong with these means; `shared` is how much a question's hardness moves all its cells."""
    quality, rng = np.asarray(quality, dtype=float), np.random.default_rng(seed)
    hard = rng.normal(size=(questions, *[1] * quality.ndim))
    noise = np.sqrt(shared) * hard + np.sqrt(1 - shared) * rng.normal(
        size=(questions, *quality.shape)
    )
    return (noise < ndtri(np.clip(quality, 1e-9, 1 - 1e-9))).astype(float)
