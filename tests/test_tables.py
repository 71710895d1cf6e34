"""The file of a table is data: whatever a text in it begins with, no spreadsheet takes it for a formula."""

import csv as reader
import io

import pandas as pd
import pytest
from streamlit import config

from pages.parts.tables import csv


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
