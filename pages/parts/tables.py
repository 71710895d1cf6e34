"""Tables on the page, each with a file of its own; Streamlit's own export is off: spreadsheets would obey its texts."""

from __future__ import annotations

from collections.abc import Mapping
from csv import QUOTE_NONNUMERIC
from typing import Any

import pandas as pd
import streamlit as st

FORMULA = tuple("=+-@\t\r")
"""What a formula can begin with."""
MOST_ROWS = 5_000
READY_ROWS = 1_000
"""Up to here the file is made with the page: one made on the press is lost when the page is drawn anew meanwhile."""


def table(
    frame: pd.DataFrame,
    key: str,
    formats: Mapping[str, str] | None = None,
    name: str = "",
    **more: Any,
) -> Any:
    """The rows for reading, of very many the first ones, and all of them as a file; `formats` by column, such as %.2f.

    `name` is what the file is called, `more` goes to Streamlit; returns what that returns.
    """
    columns = {
        column: st.column_config.NumberColumn(format=told)
        for column, told in (formats or {}).items()
    }
    shown = st.dataframe(
        frame.head(MOST_ROWS), hide_index=True, column_config=columns, key=key, **more
    )
    few = "" if len(frame) <= MOST_ROWS else f"The first {MOST_ROWS:,} of {len(frame):,} rows."
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        if few:
            st.caption(few, width="stretch")
        st.download_button(
            "CSV",
            csv(frame) if len(frame) <= READY_ROWS else lambda: csv(frame),
            file_name=f"{name or key}.csv",
            mime="text/csv",
            icon=":material/download:",
            type="tertiary",
            key=f"{key} file",
            on_click="ignore",
            help="All rows of this table as a file",
        )
    return shown


def csv(frame: pd.DataFrame) -> bytes:
    """A frame as a file; a text that a spreadsheet would take for a formula begins with an apostrophe.

    All texts stand in quotes: some spreadsheets begin a row at a lone carriage return.
    """
    guarded = frame.map(_guarded).rename(columns=_guarded)
    return guarded.to_csv(index=False, quoting=QUOTE_NONNUMERIC).encode()


def _guarded(value: Any) -> Any:
    return "'" + value if isinstance(value, str) and value.startswith(FORMULA) else value
