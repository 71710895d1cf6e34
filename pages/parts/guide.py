"""Words for those who are new here: empty pages that say what to do next, short hints, keyboard help."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from engine.errors import BudgetscapeError
from engine.figures.markdown import literal
from engine.strategies import knobs_of

if TYPE_CHECKING:
    from store.history import CellRow

LIBRARY = str(Path(__file__).parents[1] / "corpus_library.py")
NO_SWEEP = """
**Nothing has been measured yet.** A sweep asks many questions at every pair of budgets and draws what it finds here.

Plan one on the page **Sweep runs**, or write a plan and run it from the command line; this page shows the new
runs as they arrive:
"""
PLAN = """\
budgetscape sweep PLAN.toml        # plan: strategies, model, index, questions, search = [0, 1, 2], think = [0, 64]
budgetscape ask "Who founded …?" --search 2 --think 64
"""
NO_QUESTIONS = """
**There is no question set yet.** A sweep asks the same questions at every pair of budgets. Load some on the page
**Corpus library**, in the format of HotpotQA, 2WikiMultihopQA, MuSiQue, Bamboogle or FlashRAG, or one question a line
(`id`, `question`, and as far as known `answers`, `hops`, `operations`, `supporting_ids`):
"""
NO_CORPUS = """
**There is no corpus yet.** Searching needs passages to search in: add files of your own, invent a world, or attach a
collection of a Chroma server.
"""
NO_ENDPOINT = """
**Only the small models on board answer so far.** Any server that speaks the OpenAI chat interface can be added, hosted
or your own (vLLM, Ollama, llama.cpp), and so can a search system of your own.
"""
LOG = """
**Needed:** the question, a search budget (or the searches used), a reasoning budget (or the thinking tokens used), and
a quality, or the answer with its gold answers. **Good to have:** strategy, model, tokens, seconds, cost. Columns are
guessed by their names and can be changed; nothing is kept before you have seen what would be.
"""
LOAD = "budgetscape questions questions.jsonl --name mine"
SWEEP_HINT = (
    "A sweep asks every question at every pair of budgets that a strategy can reach. It runs in a process of its own: "
    "close the page and come back by its link, and it is still running."
)
NO_INDEX = (
    "No index yet: searching needs one. Add your files on the page **Corpus library**, or with "
    "`budgetscape index FILES --name NAME`."
)
SMALL_MODEL = (
    "The model on board is tiny and its world is invented, so nothing can be known by heart: "
    "read the shape of the surface, not its level."
)
GONE = (
    "The run of this link is not here: it was asked on another machine, or ended without an answer before the app "
    "was started again. Ask it anew."
)
HOW = """
1. **Pick a question**, or type one of your own about the corpus.
2. **Turn the two dials**: how many queries it may send, how many tokens it may think.
3. **Run**, and watch how the answer is found. The surface shows what such a budget bought before.
"""
NO_RUNS = """
**There are no runs to compare yet.** Ask the same question twice at different budgets on the live page and pin both
runs, or run a sweep from the command line; its runs are then offered here.
"""
NOTHING_SHARED = """
**Nothing has been published yet.** Open **Quality surface**, **Trace compare** or another page, arrange it as others
should see it, and press **Share** there. A published view has a link of its own, needs no key, and stays as it was.
"""
COMPARE = """
**Put two to six runs side by side.** Choose a question above and then its runs, or pin runs on the other pages with
*Pin to compare*. You will see where they first do something different, which passages both saw, when the evidence was
first seen, and what each extra query or thinking token bought.
"""
MOST_NAMED = 3
"""Models that a hint names."""
ONE_MORE = "One run is in a lane; choose at least one more to compare it with."
KEYS = (
    ("anywhere", "Ctrl + K jumps to a page or a sweep, ? shows these keys"),
    ("dials", "← → one stop, Home / End to either end"),
    ("map of cells", "arrow keys from cell to cell, Enter to open one"),
    ("surface", "drag to turn, the buttons below for fixed views; click a cell to open it"),
    ("question", "Ctrl + Enter runs"),
    ("steps, lanes", "Tab from step to step, Enter to open one"),
)


def nothing_measured() -> None:
    with st.container(border=True):
        st.markdown(NO_SWEEP)
        st.code(PLAN, language="bash")


def nothing_to_sweep() -> None:
    with st.container(border=True):
        st.markdown(NO_QUESTIONS)
        st.code(LOAD, language="bash")


def no_corpus() -> None:
    with st.container(border=True):
        st.markdown(NO_CORPUS)


def what_a_log_needs() -> None:
    with st.container(border=True):
        st.markdown(LOG)


def no_endpoint() -> None:
    with st.container(border=True):
        st.markdown(NO_ENDPOINT)


def sweep_hint() -> None:
    st.caption(SWEEP_HINT)
    runs_elsewhere()


def runs_elsewhere() -> None:
    """Where a log of one's own runs is taken in."""
    st.page_link(
        LIBRARY,
        label="Runs are logged already? Import them",
        icon=":material/upload:",
        query_params={"part": "Runs"},
    )


def nothing_to_compare() -> None:
    with st.container(border=True):
        st.markdown(NO_RUNS)
        st.code(PLAN, language="bash")


def nothing_shared() -> None:
    with st.container(border=True):
        st.markdown(NOTHING_SHARED)


def compare_hint(lanes: int) -> None:
    """Shown while there are too few runs to compare."""
    with st.container(border=True):
        st.markdown(ONE_MORE if lanes else COMPARE)


def reach(name: str, knobs: Mapping[str, Any], offered: Sequence[int]) -> str:
    """What a strategy cannot make use of, of the search budgets on offer."""
    most = knobs_of(name, knobs).most_searches
    if most >= max(offered):
        return ""
    if most == 0:
        return "This strategy never searches: whatever the search budget, it sends no query."
    return f"This strategy can use {most} quer{'y' if most == 1 else 'ies'} at most."


def measured_with(strategy: str, model: str, players: Collection[tuple[str, str]]) -> str:
    """With which models a strategy was measured, where it was not with the chosen one."""
    others = [other for name, other in players if name == strategy]
    if model in others or not others:
        return ""
    told = [
        *others[:MOST_NAMED],
        *([f"{len(others) - MOST_NAMED} more"] if others[MOST_NAMED:] else []),
    ]
    listed = " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))
    return f"{strategy.replace('_', ' ')} was not measured with this model; it was with {listed}."


def left_out(configurations: int) -> str:
    return (
        f"{configurations} more configurations of this sweep (other knobs, index or decoding) are not shown: "
        "one surface per strategy and model, and different configurations are never pooled."
    )


def doses(cells: Sequence[CellRow]) -> str:
    """Said of a surface whose budgets were to be spent."""
    modes = {(c.search_mode, c.think_mode) for c in cells}
    names = [
        name
        for place, name in enumerate(("search", "reasoning"))
        if any(m[place] == "force" for m in modes)
    ]
    if not names:
        return ""
    what = " and ".join(names) + (" budgets were" if len(names) > 1 else " budget was")
    return f"The {what} to be spent: early ends were dropped. The table says how much was used."


def remarks(cells: Sequence[CellRow], configurations: int) -> tuple[str, ...]:
    """What a reader of these cells must know."""
    said = (doses(cells), left_out(configurations) if configurations else "")
    return tuple(filter(None, said))


def small_model(cells: Sequence[CellRow], on_board: Sequence[str]) -> tuple[str, ...]:
    """The caution about the models on board, where one of them was measured."""
    return (SMALL_MODEL,) if any(cell.model in on_board for cell in cells) else ()


def hint(missing: str | None = None) -> None:
    """Shown where no run has been shown yet, or where the one that the link names is not there."""
    if missing:
        st.warning(GONE, icon=":material/link_off:")
    with st.container(border=True):
        st.markdown(HOW)
        st.caption(SMALL_MODEL)


def trouble(error: BudgetscapeError) -> None:
    """An error that tells what to do, on one line."""
    st.error(literal(str(error)), icon=":material/error:")
