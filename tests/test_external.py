"""The user's own agent as a strategy: its steps in our books, whatever it tells, and nothing shared between cells."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadReply, InputError
from engine.models.agent_lines import Lines, given_line, task_line
from engine.models.scripted import Scripted
from engine.run.driver import Driver
from engine.run.memo import NotRecorded
from engine.run.ports import Task
from engine.strategies import knobs_of, outside, prompt_hash, start
from engine.sweeps.jobs import Ground, jobs
from engine.sweeps.plan import read_plan
from engine.sweeps.quote import as_if, measured
from engine.sweeps.record import from_body, to_body
from engine.sweeps.trajectory import replay_memo, run_cell, run_cells
from engine.types import Answer, Budget, Reading, RunConfig, Search, Thought
from tests.dialogues import Library, shape
from tests.fakes import QUESTION, Shelf

BOOKS = {"yard": [("Yard", "Ann ran it.")]}
THINK = {"type": "think", "text": "a b c", "tokens": 3}
ASK = {"type": "search", "query": "Which yard?", "tokens": 2}
OWN = {"type": "search", "query": "my own", "own": True, "tokens": 2}
SEEN = {"type": "reading", "passages": [{"id": "w1", "title": "Web", "text": "Ann."}]}
ANSWER = {"type": "answer", "text": "Pirnby", "tokens": 1}


class Tape:
    """An agent that says what is on its tape, one line after another, and remembers what it was told."""

    def __init__(self, *lines):
        self.lines, self.tasks, self.heard, self.ended = lines, [], [], 0

    async def begin(self, task):
        self.tasks.append(task)
        reader = Lines()
        try:
            for line in self.lines:
                raw = line if isinstance(line, bytes) else json.dumps(line).encode()
                if (said := reader.read(raw, 0.5)) is not None:
                    self.heard.append((yield said))
        finally:
            self.ended += 1


def run(agent, budget, library=None, **knobs):
    library = library or Library(**BOOKS)
    driver = Driver(Scripted([]), library, budget, QUESTION.id, agent=agent)
    trace = asyncio.run(driver.run(start("external", QUESTION, knobs_of("external", knobs))))
    kinds = (trace.thinking_tokens, trace.query_tokens, trace.answer_tokens)
    assert sum(kinds) == trace.usage.completion_tokens == sum(s.tokens for s in trace.steps)
    assert sum(s.input_tokens for s in trace.steps) == trace.usage.input_tokens
    assert isinstance(agent, Tape) and agent.ended == 1
    return trace


def notes(trace):
    return [s.note for s in trace.steps if isinstance(s, Thought)]


def test_its_steps_become_ours_and_a_query_is_answered_from_our_index():
    agent, library = Tape(THINK, ASK, THINK, ANSWER), Library(**BOOKS)
    trace = run(agent, Budget(2, 20), library)
    assert shape(trace) == ["~a b c", "?Which yard?", "~a b c", "=Pirnby"]
    assert [r.passage.text for r in agent.heard[1].passages] == ["Ann ran it."]
    assert (trace.search.used, trace.think.used, trace.query_tokens) == (1, 6, 2)
    assert (trace.answer, trace.stopped_by, trace.cut_off) == ("Pirnby", "answer", False)
    assert library.asked == ["Which yard?"]
    assert trace.seconds >= 2.0


def test_it_is_told_the_question_and_both_budgets_and_no_gold():
    agent = Tape(ANSWER)
    run(agent, Budget(3, 40))
    (task,) = agent.tasks
    assert (task.question, task.search, task.think) == (QUESTION.text, 3, 40)
    said = json.loads(task_line(task))
    assert set(said) == {"type", "question", "search", "think", "seed", "temperature"}
    assert "Pirnby" not in task_line(task).decode()


def test_a_query_beyond_the_budget_is_refused_and_the_agent_goes_on():
    agent, library = Tape(ASK, ASK, ANSWER), Library(**BOOKS)
    trace = run(agent, Budget(1, 9), library)
    assert shape(trace) == ["?Which yard?", "~Which yard?", "!Which yard?", "=Pirnby"]
    assert notes(trace) == ["query that was not sent"]
    assert agent.heard[1].refused == "search"
    assert json.loads(given_line(agent.heard[1])) == {"type": "refused", "budget": "search"}
    assert (len(library.asked), trace.stopped_by, trace.cut_off) == (1, "search", True)


def test_no_search_budget_never_touches_the_index():
    library = Library(**BOOKS)
    trace = run(Tape(ASK, ANSWER), Budget(0, 9), library)
    assert (library.asked, trace.answer) == ([], "Pirnby")


def test_searches_of_its_own_count_when_told_and_show_what_it_saw():
    trace = run(Tape(OWN, SEEN, ANSWER), Budget(2, 9))
    (reading,) = [s for s in trace.steps if isinstance(s, Reading)]
    assert [(r.passage.id, r.rank) for r in reading.passages] == [("w1", 1)]
    assert (trace.search.used, trace.usage.queries, trace.rounds) == (1, 1, 1)


def test_thinking_beyond_the_budget_is_counted_in_full_and_told_and_an_answer_is_still_taken():
    agent = Tape(THINK, THINK, ANSWER)
    trace = run(agent, Budget(0, 4))
    assert (trace.think.used, trace.think.limit) == (6, 4)
    assert notes(trace)[1] == "2 tokens beyond the budget"
    assert agent.heard[1].refused == "think"
    assert (trace.answer, trace.stopped_by, trace.cut_off) == ("Pirnby", "think", True)


def test_who_spends_beyond_a_budget_twice_is_ended_without_an_answer():
    agent = Tape(THINK, THINK, THINK, THINK, ANSWER)
    trace = run(agent, Budget(0, 4))
    assert (trace.think.used, trace.answer, trace.stopped_by) == (9, "", "think")
    agent = Tape(OWN, OWN, OWN, ANSWER)
    trace = run(agent, Budget(1, 4))
    assert (trace.search.used, trace.answer, trace.stopped_by) == (3, "", "search")
    assert trace.cut_off


def test_tokens_that_are_not_told_are_estimated_and_no_cost_is_known():
    from engine.pricing import PriceCard, cost

    card = PriceCard(1, 1, 1, 1, 0)
    untold = {"type": "think", "text": "x" * 41}
    trace = run(Tape(untold, ANSWER), Budget(0, 99))
    assert (trace.thinking_tokens, notes(trace)) == (11, ["tokens estimated"])
    assert trace.usage.unreported == 2 and cost(trace.usage, card) is None
    assert trace.steps[-1].detail.startswith("2 of its steps came without all token counts")
    half = run(Tape(THINK, ANSWER), Budget(0, 99))
    assert cost(half.usage, card) is None
    usage = {"prompt_tokens": 100, "completion_tokens": 4}
    full = run(
        Tape(THINK, {"type": "usage", "usage": usage}, ANSWER | {"usage": usage}), Budget(0, 99)
    )
    assert full.usage.input_tokens == 200 and full.steps[-1].detail == ""
    assert cost(full.usage, card) == pytest.approx((200 + 5) / 1e6)


def test_what_no_step_told_is_thinking():
    total = {"type": "usage", "usage": {"prompt_tokens": 50, "completion_tokens": 13}}
    trace = run(Tape(THINK, total, total, ANSWER), Budget(0, 99))
    assert [s.tokens for s in trace.steps if isinstance(s, Thought)] == [3, 10]
    assert notes(trace)[1] == "tokens that no step told"
    assert trace.usage.input_tokens == 50


def test_usage_of_an_endpoint_is_taken_as_it_is():
    usage = {
        "prompt_tokens": 30,
        "completion_tokens": 7,
        "total_tokens": 37,
        "prompt_tokens_details": {"cached_tokens": 20, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    trace = run(Tape({"type": "think", "text": "so", "usage": usage}, ANSWER), Budget(0, 99))
    told = trace.usage
    assert (told.input_tokens, told.cached_input_tokens, told.reasoning_tokens) == (30, 20, 4)
    assert trace.thinking_tokens == 7


BAD = [
    b"hello",
    b"[1]",
    b'{"type": "dance"}',
    b'{"type": "think", "tokens": -1}',
    b'{"type": "think", "tokens": true}',
    b'{"type": "think", "tokens": NaN}',
    b'{"type": "search", "query": "  "}',
    b'{"type": "think", "text": 5}',
    b'{"type": "reading", "passages": [{"title": "no text"}]}',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"type": "think", "tokens": ' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_line_that_is_no_step_is_recorded_and_not_obeyed(bad):
    trace = run(Tape(bad, ANSWER), Budget(2, 9))
    assert notes(trace)[0].startswith("malformed line: ")
    assert (trace.answer, trace.think.used, trace.search.used) == ("Pirnby", 0, 0)
    assert len(trace.steps[0].text) <= 400


def test_garbage_ends_the_run_after_some_lines_and_is_counted():
    agent = Tape(*[b"garbage"] * 9)
    trace = run(agent, Budget(0, 9))
    assert (trace.answer, trace.stopped_by, len(trace.steps)) == ("", "malformed", 6)
    assert (trace.turns, trace.well_formed) == (5, 0)


def test_an_agent_that_ends_without_an_answer_has_a_wrong_one():
    trace = run(Tape(THINK), Budget(0, 9))
    assert trace.answer == "" and not [s for s in trace.steps if isinstance(s, Answer)]
    assert (trace.stopped_by, trace.turns, trace.well_formed) == ("turns", 1, 1)


def test_an_answer_ends_the_run_and_is_one_line_without_markers():
    trace = run(Tape(ANSWER | {"text": '"A\n<|im_end|> b"'}, THINK, ANSWER), Budget(0, 9))
    assert trace.answer == "A ‹|im_end|> b" and trace.think.used == 0


LINES = st.lists(
    st.sampled_from([THINK, ASK, OWN, SEEN, ANSWER, b"", b"x", THINK | {"tokens": 90}]), max_size=12
)


@settings(max_examples=200)
@given(LINES, st.integers(0, 4), st.integers(0, 120))
def test_the_books_balance_whatever_it_tells(lines, search, think):
    agent, shelf = Tape(*lines), Shelf()
    trace = run(agent, Budget(search, think), shelf, malformed=99)
    sent = [s for s in trace.steps if isinstance(s, Search) and not s.refused]
    assert trace.search.used == len(sent) == trace.usage.queries
    assert len(shelf.asked) == sum(s.query != "my own" for s in sent) <= search
    assert trace.think.used == trace.thinking_tokens
    over = trace.search.used > search or trace.think.used > think
    assert trace.cut_off or not over


# --------------------------------------------------------------------------------- cells, memo, identity

CONFIG = RunConfig("external", "mine", "i", Budget(0, 0), fingerprint="f")
GRID = [Budget(s, r) for s in (0, 1) for r in (0, 9)]


def grid(agent, share=True, config=CONFIG):
    return asyncio.run(run_cells(QUESTION, config, GRID, agent, Library(**BOOKS), share=share))


def test_every_cell_is_a_run_of_its_own_and_all_of_it_is_paid():
    agent = Tape(THINK, ASK, ANSWER)
    made = grid(agent)
    assert [(t.search, t.think) for t in agent.tasks] == [(1, 9), (1, 0), (0, 9), (0, 0)]
    assert agent.ended == 4
    told = 4 * (3 + 2 + 1)
    assert (
        made.paid.completion_tokens
        == told
        == sum(r.trace.usage.completion_tokens for r in made.runs)
    )
    assert made.paid.queries == 1 and made.calls == ()
    alone = grid(Tape(THINK, ASK, ANSWER), share=False)
    assert [shape(r.trace) for r in alone.runs] == [shape(r.trace) for r in made.runs]
    assert measured(made).seconds >= 4 * 1.5
    assert from_body(to_body(made)) == made


def test_an_agent_is_never_replayed():
    made = grid(Tape(ANSWER))
    with pytest.raises(NotRecorded, match="not replayed"):
        asyncio.run(run_cell(QUESTION, made.runs[0].config, replay_memo(made)))
    assert asyncio.run(as_if(made, GRID)) is None


def test_an_agent_that_fails_in_one_cell_leaves_the_others_and_is_paid_for():
    class Moody(Tape):
        async def begin(self, task):
            talk = super().begin(task)
            async for said in talk:
                yield said
                if task.think == 9:
                    raise BadReply("it fell over")

    made = grid(Moody(THINK, ANSWER | {"text": "x"}))
    assert [f.error for f in made.failures] == ["it fell over"] * 2
    assert len(made.runs) == 2
    assert made.paid.completion_tokens == 2 * 4 + 2 * 3


def test_samples_of_an_agent_share_the_budgets_and_each_begins_anew():
    knobs = {"strategy": "external", "samples": 3}
    config = RunConfig("self_consistency", "mine", "i", Budget(0, 0), knobs)
    agent = Tape(THINK, ANSWER)
    made = asyncio.run(run_cells(QUESTION, config, [Budget(3, 60)], agent, Library(**BOOKS)))
    (run_,) = made.runs
    assert (run_.trace.answer, run_.trace.think.used, agent.ended) == ("Pirnby", 3 * 4, 3)
    assert [t.search for t in agent.tasks] == [1, 1, 1] and len({t.seed for t in agent.tasks}) == 3


def test_a_model_cannot_play_it_and_an_agent_plays_nothing_else():
    with pytest.raises(InputError, match="needs an agent of your own"):
        grid(Scripted(["x"]))
    with pytest.raises(InputError, match="strategy external only"):
        grid(Tape(ANSWER), config=RunConfig("closed_book", "mine", None, Budget(0, 0)))
    assert outside("external") and not outside("corag")
    assert outside("self_consistency", {"strategy": "external"})


def test_a_plan_pairs_agents_with_external_and_models_with_the_rest():
    text = (
        'name = "x"\nstrategies = ["corag", "external"]\nmodels = ["m", "mine"]\nindex = "i"\n'
        'questions = "q"\nsearch = [0, 1]\nthink = [0]\n'
    )
    plan = read_plan(text)
    ground = Ground({"m": "1", "mine": "2"}, "r", frozenset({"mine"}))
    made = [(j.config.strategy, j.config.model) for j in jobs(plan, [QUESTION], ground)]
    assert made == [("corag", "m"), ("external", "mine")]
    with pytest.raises(InputError, match="external needs an agent"):
        list(jobs(plan, [QUESTION], Ground({"m": "1", "mine": "2"})))


def test_its_hash_is_stable_and_the_task_is_a_task():
    assert prompt_hash("external") == prompt_hash("external")
    assert json.loads(task_line(Task("Q\n?", 1, 2, 3, 0.5)))["question"] == "Q\n?"
