"""The file of a table is data: whatever a text in it begins with, no spreadsheet takes it for a formula."""

import csv as reader
import io

import pandas as pd
import pytest
import streamlit as st
from streamlit import config

from pages.parts.tables import READY_ROWS, csv, table


@pytest.mark.parametrize(
    "text", ['=cmd|" /C calc"!A0', "+1+2", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(1)"]
)
def test_what_looks_like_a_formula_is_told_as_text(text):
    frame = pd.DataFrame({text: [text, f"a {text}", None], "n": [-1.5, 2, 3]})
    rows = list(reader.reader(io.StringIO(csv(frame).decode(), newline="")))
    assert rows[0] == ["'" + text, "n"]
    assert rows[1] == ["'" + text, "-1.5"] and rows[2][0] == f"a {text}" and rows[3][0] == ""


def test_no_table_of_the_app_is_exported_in_another_way():
    assert config.get_option("client.disableDataExport") is True


def test_a_table_of_common_length_is_a_file_before_it_is_asked_for_and_a_long_one_when_it_is(
    monkeypatch: pytest.MonkeyPatch,
):
    given: list[object] = []
    monkeypatch.setattr(st, "download_button", lambda _, data, **__: given.append(data))
    for rows in (READY_ROWS, READY_ROWS + 1):
        table(pd.DataFrame({"n": range(rows)}), "cells")
    ready, later = given
    assert isinstance(ready, bytes) and ready.count(b"\n") == READY_ROWS + 1
    assert callable(later) and later().count(b"\n") == READY_ROWS + 2
