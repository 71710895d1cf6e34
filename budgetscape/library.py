"""What the library holds, and all that can be done with it, as one object of the application.

Rows are for people: every name, title and note in them is text. Long work runs as a job; deleting can be undone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from budgetscape import endpoints_edit
from budgetscape.endpoints import Registry
from budgetscape.jobs import Job, Jobs, clear_uploads
from budgetscape.run_import import Imported, imported
from engine.errors import BudgetscapeError, InputError
from engine.models.capabilities import Capabilities
from store import trash
from store.corpora import corpus_names, load_corpus, load_questions, question_names, questions_stamp
from store.home import Home, checked_name
from store.index_record import IndexReport, checked_address, index_names, index_report
from store.trash import Deleted


@dataclass(frozen=True, slots=True)
class Shelf:
    """A corpus with its index, or an attached index."""

    name: str
    count: int
    report: IndexReport | None
    """None while no index is built."""
    created: str
    trouble: str = ""

    @property
    def attached(self) -> bool:
        return self.report is not None and self.report.attached


@dataclass(frozen=True, slots=True)
class SetRow:
    """A question set."""

    name: str
    count: int
    answers: int
    evidence: int
    """Questions whose supporting passages are known."""
    hops: tuple[tuple[str, int], ...]
    corpus: str | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """A model, or an agent of one's own."""

    name: str
    kind: str
    where: str
    model: str
    key: str
    """The name of the variable of its key, and whether it is set here; never the key."""
    prices: str
    able: Capabilities | None
    on_board: bool


class Library:
    """The library of one application."""

    def __init__(
        self,
        home: Home,
        registry: Registry,
        in_use: Callable[[str], str | None] | None = None,
        made: Callable[[], object] = lambda: None,
    ) -> None:
        clear_uploads(home)
        self.home, self._registry = home, registry
        self.jobs = Jobs(home, made=made)
        self._rows: dict[str, tuple[tuple[int, int], SetRow]] = {}
        self._in_use = in_use or _nobody
        """The running sweep that uses an index or a question set; None where none does."""

    # --------------------------------------------------------------------------------------- rows

    def shelves(self) -> list[Shelf]:
        """Corpora and attached indexes by name."""
        return [
            self._shelf(name)
            for name in sorted({*corpus_names(self.home), *index_names(self.home)})
        ]

    def _shelf(self, name: str) -> Shelf:
        report, trouble = None, ""
        try:
            report = index_report(self.home, name) if name in index_names(self.home) else None
            if report is not None and report.attached:
                return Shelf(name, report.count, report, "")
            corpus = load_corpus(self.home, name)
        except BudgetscapeError as error:
            return Shelf(name, 0, None, "", str(error))
        if report is not None and report.corpus_hash != corpus.hash:
            report, trouble = (
                None,
                "its passages have changed since the index was built; build it again",
            )
        return Shelf(name, corpus.count, report, corpus.created, trouble)

    def sets(self) -> list[SetRow]:
        return [self._kept(name) for name in question_names(self.home)]

    def _kept(self, name: str) -> SetRow:
        """Counted again only when the file is another."""
        stamp = questions_stamp(self.home, name)
        kept = self._rows.get(name)
        if kept is None or kept[0] != stamp:
            kept = self._rows[name] = (stamp, self._set(name))
        return kept[1]

    def _set(self, name: str) -> SetRow:
        try:
            held = load_questions(self.home, name)
        except BudgetscapeError as error:
            return SetRow(name, 0, 0, 0, (), None, str(error))
        hops = Counter("?" if q.hops is None else str(q.hops) for q in held.questions)
        return SetRow(
            name,
            len(held.questions),
            sum(bool(q.answers) for q in held.questions),
            sum(bool(q.supporting_ids) for q in held.questions),
            tuple(sorted(hops.items())),
            held.corpus,
        )

    def endpoints(self) -> list[EndpointRow]:
        """Models and agents, those on board last."""
        rows = [self._model(name) for name in self._registry.names()]
        agents = [self._agent(name) for name in self._registry.agents()]
        return sorted([*rows, *agents], key=lambda row: row.on_board)

    def _model(self, name: str) -> EndpointRow:
        spec = self._registry.spec(name)
        return EndpointRow(
            name,
            "model",
            spec.base_url or "on board",
            spec.model,
            self._key(name, spec.api_key_env),
            _prices(spec.prices),
            self._registry.capabilities(name),
            spec.embedded,
        )

    def _agent(self, name: str) -> EndpointRow:
        spec = self._registry.agent_spec(name)
        where = spec.address or " ".join(spec.command)
        key = self._key(name, spec.api_key_env)
        return EndpointRow(
            name, "agent", where, spec.version, key, _prices(spec.prices), None, False
        )

    def _key(self, name: str, variable: str | None) -> str:
        if variable is None:
            return "none needed"
        return f"{variable}, {'set' if self._registry.has_key(name) else 'not set here'}"

    # --------------------------------------------------------------------------------- endpoints

    def add_model(self, name: str, fields: Mapping[str, Any]) -> None:
        endpoints_edit.add_model(self._file(), name, fields)
        self._registry.read_again()

    def add_agent(self, name: str, address: str, version: str, key: str | None) -> None:
        endpoints_edit.add_agent(self._file(), name, address, version, key)
        self._registry.read_again()

    def read_again(self) -> None:
        """Take in what a person wrote into the endpoints file."""
        self._registry.read_again()

    async def probe(self, name: str) -> Capabilities:
        return await self._registry.probe(name)

    def _file(self) -> Path:
        return self._registry.path or self.home.endpoints

    # ---------------------------------------------------------------------------------- deleting

    def delete(self, kind: str, name: str) -> Deleted:
        """Move it aside; InputError while a job or a sweep works with it."""
        if self.jobs.busy(name):
            raise InputError(f"'{name}' is being made just now; cancel that first")
        if kind != "endpoint" and (sweep := self._in_use(name)) is not None:
            raise InputError(f"sweep '{sweep}' is using '{name}'; pause or cancel it first")
        if kind == "endpoint":
            text = endpoints_edit.cut_out(self._file(), name)
            self._registry.read_again()
            return trash.keep_text(self.home, kind, name, text)
        return _DELETE[kind](self.home, name)

    def restore(self, id: str) -> Deleted:
        """Bring it back; InputError where its name is taken again."""
        one = next((d for d in self.deleted() if d.id == id), None)
        if one is not None and one.kind == "endpoint":
            endpoints_edit.put_back(self._file(), one.text)
            self._registry.read_again()
        return trash.restore(self.home, id)

    def deleted(self) -> list[Deleted]:
        return trash.deleted(self.home)

    # -------------------------------------------------------------------------------------- jobs

    def build(self, name: str, paths: Sequence[Path], options: Sequence[str], used: Path) -> Job:
        """Files as a new corpus with its index."""
        checked_name("corpus", name)
        self._free(name)
        words = ["index", *map(str, paths), "--name", name, "--new", *options]
        return self.jobs.start(f"Corpus {name}", name, words, used)

    def index_again(self, name: str) -> Job:
        return self.jobs.start(f"Index of {name}", name, ["index", "--name", name])

    def load_questions(
        self, name: str, path: Path, corpus: str | None, own_passages: bool, used: Path
    ) -> Job:
        """A question file as a new set, and where asked for its passages as a new corpus."""
        checked_name("question set", name)
        if name in question_names(self.home):
            raise InputError(
                f"there is a question set '{name}' already; delete it first, or take another name"
            )
        if own_passages:
            self._free(name)
        words = ["questions", str(path), "--name", name, "--new"]
        words += ["--own-passages"] if own_passages else ["--corpus", corpus] if corpus else []
        return self.jobs.start(f"Questions {name}", name, words, used)

    def world(self, name: str, seed: int, passages: int, questions: int) -> Job:
        """An invented corpus with its index and questions."""
        checked_name("corpus", name)
        self._free(name)
        words = ["world", "--name", name, "--new", "--seed", str(seed)]
        words += ["--passages", str(passages), "--questions", str(questions)]
        return self.jobs.start(f"World {name}", name, words)

    def attach(self, name: str, server: str, collection: str) -> Job:
        checked_name("index", name)
        checked_address(server)
        self._free(name)
        words = ["attach", server, "--collection", collection, "--name", name]
        return self.jobs.start(f"Index {name}", name, words)

    def take_bundle(self, path: Path, used: Path) -> Job:
        """A bundle of a sweep; its runs appear once it is taken in."""
        return self.jobs.start(
            f"Bundle {path.name}", str(path), ["store", "import", str(path)], used
        )

    def load_runs(self, name: str, path: Path, options: Sequence[str], used: Path) -> Job:
        """A log of runs as a sweep of this name."""
        if (self.home.journals / checked_name("sweep", name)).exists():
            raise InputError(f"there is a sweep '{name}' already; take another name")
        words = ["runs", str(path), "--name", name, *options]
        return self.jobs.start(f"Runs {name}", name, words, used)

    def imports(self) -> list[Imported]:
        """The sweeps that were imported from logs."""
        return imported(self.home)

    def look(self, words: Sequence[str]) -> dict[str, Any]:
        """What files hold, without taking anything in."""
        return self.jobs.look(words)

    def _free(self, name: str) -> None:
        if name in corpus_names(self.home) or name in index_names(self.home):
            raise InputError(f"the name '{name}' is taken; delete it first, or take another name")

    def close(self) -> None:
        self.jobs.close()


def _nobody(_: str) -> None:
    """No sweep uses it."""


_DELETE: Mapping[str, Callable[[Home, str], Deleted]] = {
    "corpus": trash.delete_corpus,
    "index": trash.delete_index,
    "question set": trash.delete_questions,
    "import": trash.delete_import,
}


def _prices(card: Any) -> str:
    """For people: per million tokens."""
    if card.input is None and card.output is None:
        return "unknown"
    shown = [
        f"{word} {getattr(card, word):g}"
        for word in ("input", "output")
        if getattr(card, word) is not None
    ]
    return f"{', '.join(shown)} {card.currency} per million tokens"
