"""Links and bundles full of payloads: a page, a refusal or a default; nothing is shown as markup, written or left."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import BudgetscapeError
from engine.figures.markdown import literal
from engine.view import PAGES
from store.bundle_zip import NAMES, export_zip, import_zip
from store.bundles import MANIFEST
from store.history import Store
from store.home import Home
from tests.dashboard_fakes import PAYLOADS as HOSTILE
from tests.dashboard_fakes import FakeApp, all_runs, journalled
from tests.test_pages import ROUTER, opened, visit

PAYLOADS = [*HOSTILE, "9" * 400, "nan", "-1", ""]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path_factory.mktemp("home"), all_runs())
    yield fake
    fake.close()


@pytest.fixture
def filled(measured: FakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApp]:
    monkeypatch.setenv("BUDGETSCAPE_HOME", str(tmp_path))
    yield from opened(measured)


READING = sorted(set(PAGES) - {"corpus-library", "live-query", "sweep-runs", "your-system"})


@pytest.mark.parametrize("page", READING)
def test_a_link_full_of_payloads_opens_a_page_that_repeats_none_as_markup(filled, page, tmp_path):
    script = str(ROUTER.parents[1] / f"{page.replace('-', '_')}.py")
    at = visit(script, **dict.fromkeys(PAGES[page], PAYLOADS))
    assert not at.exception
    told = [e.value for kind in ("markdown", "caption", "error", "info") for e in at.get(kind)]
    for payload in PAYLOADS[:4]:
        assert payload not in "\n".join(told).replace(literal(payload), "")
    assert list(filled.home.journals.glob("*grid*")) and not list(tmp_path.iterdir())


# -------------------------------------------------------------------------------------------------- bundles


def files(root: Path) -> set[str]:
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}


ENTRIES = st.lists(
    st.tuples(
        st.one_of(
            st.sampled_from(
                [*NAMES, "../evil", "/etc/evil", "a/../../b", "journals/x.jsonl", "C:\\x"]
            ),
            st.text(min_size=1, max_size=20).filter(lambda name: name[0] != "\0"),
        ),
        st.binary(max_size=200),
    ),
    max_size=5,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_bytes_as_a_bundle_are_refused_in_one_line_and_leave_nothing(home, data):
    refused(home, data)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ENTRIES)
def test_any_archive_that_is_no_bundle_is_refused_in_one_line_and_leaves_nothing(home, entries):
    packed = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(packed, "w") as made:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in entries:
            made.writestr(name, content)
    refused(home, packed.getvalue())


def test_a_manifest_that_says_a_payload_is_refused_in_one_line(home, tmp_path):
    with Store.open(journalled(Home(tmp_path / "there"), all_runs()[:12])) as store:
        store.ingest()
        export_zip(store, "grid", tmp_path / "grid.zip")
    with zipfile.ZipFile(tmp_path / "grid.zip") as whole:
        held = {name: whole.read(name) for name in NAMES}
    for name, said in product(("version", "sweep", "files"), HOSTILE):  # nobody reads the rest
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as made:
            for file, content in held.items():
                told = content
                if file == MANIFEST:
                    told = json.dumps(json.loads(content) | {name: said}).encode()
                made.writestr(file, told)
        refused(home, packed.getvalue())


def test_no_text_in_markdown_turns_the_direction_of_another():
    assert literal("\u202egnp\u202c.exe \u2066x\u2069") == "gnp\\.exe x"


def refused(home, data: bytes) -> None:
    path = home.root.parent / "given.zip"
    path.write_bytes(data)
    before = files(home.root.parent)
    with pytest.raises(BudgetscapeError) as told:
        import_zip(home, path)
    assert len(str(told.value).splitlines()) == 1
    assert files(home.root.parent) == before
