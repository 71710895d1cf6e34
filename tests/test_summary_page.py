"""The summary page from the router: everything a reader needs in a minute, or the reason why it is not there."""

from urllib.parse import parse_qs, urlsplit

from streamlit.testing.v1 import AppTest

from pages.parts import resources
from tests.dashboard_fakes import NASTY
from tests.test_pages import ROUTER, empty, filled, measured, sent, visit  # noqa: F401

PAGE = str(ROUTER.parents[1] / "summary.py")


def texts(at: AppTest) -> str:
    held = [*at.markdown, *at.caption, *at.subheader, *at.text]
    return " ".join(m.value.replace("\\", "") for m in held)


def links(at: AppTest) -> dict[str, list[str]]:
    """Query of every page link by its label."""
    found: dict[str, list[str]] = {}
    for link in at.get("page_link"):
        found.setdefault(link.proto.label, []).append(link.proto.query_string)
    return found


def test_a_sweep_is_summed_up_with_surface_card_examples_and_caveats(filled):  # noqa: F811
    at = visit(PAGE)
    said = texts(at)
    assert "How much should smollm2 search" in said
    assert any(start in said for start in ("Cheapest setting", "No cheaper", "Undecided"))
    assert "Does search scale like reasoning here?" in said
    assert "Each cell rests on 12 questions" in said and "not its level" in said
    assert sent(at, "surface")["figure"]["data"]
    assert at.get("download_button")


def test_every_example_opens_its_two_traces(filled):  # noqa: F811
    at = visit(PAGE)
    queries = links(at)["Compare the two traces"]
    assert len(queries) == 3
    for query in queries:
        lanes = parse_qs(urlsplit("?" + query.lstrip("?")).query)["lane"]
        assert len(lanes) == 2 and all(resources.stored(one) for one in lanes)


def test_what_runs_say_is_text(filled):  # noqa: F811
    at = visit(PAGE)
    assert NASTY in [t.value for t in at.text]
    assert not any(NASTY in m.value for m in at.markdown)


def test_filters_are_in_the_links_to_the_evidence(filled):  # noqa: F811
    at = visit(PAGE, metric="token F1", hops=["1", "2"])
    (query,) = links(at)["Weigh it yourself"]
    assert parse_qs(query.lstrip("?"))["metric"] == ["token F1"]
    assert parse_qs(query.lstrip("?"))["hops"] == ["1", "2"]


def test_an_empty_store_says_how_to_fill_it(empty):  # noqa: F811
    at = visit(PAGE)
    assert any("Nothing has been measured yet" in m.value for m in at.markdown)


def test_filters_without_runs_say_so(filled):  # noqa: F811
    at = visit(PAGE, metric="evidence recall")
    assert any("No run with this score" in i.value for i in at.info)
