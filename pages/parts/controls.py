"""What answers and what is asked: the controls of a live run; what they return is checked again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from engine.strategies import STRATEGIES, knobs_of, outside
from engine.types import EFFORTS, Axis, Budget, Mode, Question
from pages.parts import knobs, resources, state
from pages.parts.steps import difficulty

if TYPE_CHECKING:
    from budgetscape.live import LiveRequest
    from budgetscape.wiring import App

LONGEST_QUESTION = 1_000
NARROWEST_PX = 140
_PICKED = "question"
FROM_SET, OWN = "From a set", "Your own"
DOSES: dict[Axis, str] = {"search": "the queries", "think": "the thinking"}


@dataclass(frozen=True, slots=True)
class Setting:
    """What answers: chosen outside the form, since the read-outs follow it."""

    strategy: str
    model: str
    index: str | None
    search_mode: Mode = "cap"
    think_mode: Mode = "cap"
    effort: str = ""
    """The level, for a model that takes levels in the place of thinking tokens."""
    knobs: Mapping[str, Any] = field(default_factory=dict)
    """Those turned away from their defaults."""
    seed: int = 0


def words(name: str) -> str:
    return name.replace("_", " ")


def setting(app: App) -> Setting:
    indexes = app.indexes()
    grid = st.grid(2, min_column_width=NARROWEST_PX)
    strategy = grid.selectbox(
        "Strategy",
        list(STRATEGIES),
        index=list(STRATEGIES).index(resources.STRATEGY),
        format_func=words,
        key="strategy",
        bind="query-params",
    )
    index = grid.selectbox(
        "Index", indexes, index=place(indexes, app.default_index), key="index", bind="query-params"
    )
    own = outside(strategy)
    names = app.agents() if own else app.models()
    model = st.selectbox(  # as wide as can be: names of models are long, and differ at their ends
        "Agent" if own else "Model",
        names,
        index=place(names, app.default_model),
        key="agent" if own else "model",
        bind="query-params",
        placeholder="None: see docs/external.md",
    )
    model = model or app.default_model
    effort = _effort() if app.think_control(model) == "effort" else ""
    with st.expander("Knobs, seed and doses", icon=":material/tune:"):
        modes = _modes(strategy, bool(effort))
        turned, seed = knobs.knobs(strategy), knobs.seed()
    return Setting(strategy, model, index, *modes, effort, turned, seed)


def _effort() -> str:
    """One of the levels; a click on the chosen one leaves it."""
    chosen = st.segmented_control(
        "Effort",
        EFFORTS,
        default="medium",
        required=True,
        help="This model thinks by levels; on the surface a level stands at the tokens it really used.",
        key="effort",
        bind="query-params",
    )
    return chosen or "medium"


def _modes(strategy: str, by_levels: bool = False) -> tuple[Mode, Mode]:
    """Which budgets are to be spent, of those that this strategy can be forced to spend."""
    able = knobs_of(strategy).forcible - ({"think"} if by_levels else set())
    offered = [axis for axis in DOSES if axis in able]
    if not offered:
        return "cap", "cap"
    chosen = st.pills(
        "Spend all of",
        offered,
        selection_mode="multi",
        format_func=DOSES.__getitem__,
        help="A budget may be spent. Chosen here, it is to be spent: an early end is dropped and the run goes on.",
        key="doses",
        bind="query-params",
    )
    modes: list[Mode] = ["force" if axis in chosen else "cap" for axis in DOSES]
    return modes[0], modes[1]


def place(options: Sequence[str], wanted: str | None) -> int | None:
    if wanted in options:
        return options.index(wanted)
    return 0 if options else None


def question_form(
    app: App, dials: Callable[[], tuple[int, int]], more: Callable[[], None] = lambda: None
) -> tuple[Question, tuple[int, int]] | None:
    """The question, the dials and Run; None until Run is pressed, then that
    until `state.taken`. `dials` draws them where they belong, `more` what stands below Run."""
    sets = app.question_sets()
    kind = FROM_SET
    if sets:
        kind = st.segmented_control(
            "Question", [FROM_SET, OWN], default=FROM_SET, required=True, key="question_kind"
        )
    chosen = _question_set(app, sets) if sets and kind == FROM_SET else None
    with st.form("ask", border=False):
        if chosen is not None:
            question = _pick(chosen, lambda: resources.rising(app.default_model))
        else:
            question = typed(
                st.text_area("Your question", max_chars=LONGEST_QUESTION, key="own", height=80)
            )
        at = dials()
        st.form_submit_button(
            "Run",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            on_click=state.press,
        )
        more()
    if question is None:
        state.taken()
        return None
    return (question, at) if state.session().pressed else None


def _question_set(app: App, sets: Sequence[str]) -> list[Question]:
    name = sets[place(sets, app.default_questions) or 0]
    if len(sets) > 1:
        picked = st.selectbox(
            "Question set", sets, index=sets.index(name), key="question_set", bind="query-params"
        )
        name = picked or name
    return app.questions(name)


def _pick(questions: list[Question], rising: Callable[[], str | None]) -> Question | None:
    ordered = sorted(questions, key=lambda q: (q.hops or 0, q.operations or 0, q.id))
    by_id = {q.id: q for q in ordered}
    if st.session_state.get(_PICKED) not in by_id:
        st.session_state[_PICKED] = first(ordered, rising())
    picked = st.selectbox(
        "Pick a question",
        list(by_id),
        format_func=lambda key: f"{difficulty(by_id[key])} · {by_id[key].text}",
        key=_PICKED,
        label_visibility="collapsed",
    )
    return by_id.get(picked) if picked else None


def first(questions: Sequence[Question], rising: str | None) -> str | None:
    """The question to begin with: the one that shows what searching buys, else one of two hops, else the first."""
    known = [q.id for q in questions]
    two_hops = [q.id for q in questions if q.hops == 2]
    return next(iter([*([rising] if rising in known else []), *two_hops, *known]), None)


def typed(text: str | None) -> Question | None:
    """A question of one's own, without gold; None when it is empty."""
    text = (text or "").strip()[:LONGEST_QUESTION]
    if not text:
        return None
    return Question(
        id="own-" + hashlib.blake2b(text.encode(), digest_size=6).hexdigest(), text=text
    )


def request(setting: Setting, question: Question, at: tuple[int, int]) -> LiveRequest:
    """What to run. A search budget beyond the strategy's reach becomes the most it can use."""
    from budgetscape.live import LiveRequest

    reach = knobs_of(setting.strategy, setting.knobs).most_searches
    search, think = min(at[0], reach), at[1]
    budget = Budget(search, think, setting.search_mode, setting.think_mode)
    if setting.effort:
        level = EFFORTS.index(setting.effort) + 1
        budget = Budget(search, level, setting.search_mode, "effort")
    return LiveRequest(
        question,
        setting.strategy,
        setting.model,
        setting.index,
        budget,
        setting.knobs,
        setting.seed,
    )


def doses(setting: Setting) -> set[str]:
    """The budgets that are to be spent."""
    modes = {"search": setting.search_mode, "think": setting.think_mode}
    return {axis for axis, mode in modes.items() if mode == "force"}
