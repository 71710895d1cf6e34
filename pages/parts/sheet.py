"""What a page shows, drawn and kept in one go: what is published from it is what was drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from engine.figures.blocks import Block, Chart, Numbers, Table, Words
from engine.figures.lines import LinesInfo, lines_figure, table_rows
from engine.figures.markdown import literal
from pages.parts import tables


@dataclass
class Sheet:
    """Each method draws something, text always as text, and keeps it as a block."""

    blocks: list[Block] = field(default_factory=list)
    _fold: str = ""
    """The title of what is folded away and being drawn."""

    def heading(self, text: str) -> None:
        st.subheader(literal(text), anchor=False)
        self.blocks.append(Words(text, "heading"))

    def words(self, text: str) -> None:
        st.markdown(literal(text))
        self.blocks.append(Words(f"{self._fold}: {text}" if self._fold else text))

    def quiet(self, text: str) -> None:
        st.caption(literal(text))
        self.blocks.append(Words(text, "quiet"))

    def note(self, text: str) -> None:
        """What the controls of the page say; only kept."""
        self.blocks.append(Words(text, "quiet"))

    def reason(self, text: str) -> None:
        """Why something is not there."""
        st.info(literal(text))
        self.blocks.append(Words(text, "quiet"))

    def warning(self, text: str) -> None:
        st.warning(literal(text), icon=":material/warning:")
        self.blocks.append(Words(text))

    def badge(self, name: str, word: str, icon: str, colour: Any) -> None:
        """One word that sums up; without its badge it stands under its name."""
        st.badge(word, icon=icon, color=colour)
        self.blocks.append(Numbers(((name, word),)))

    def numbers(self, items: Iterable[tuple[str, str]]) -> None:
        told = tuple(items)
        for column, (name, value) in zip(st.columns(len(told)), told, strict=True):
            column.metric(name, value)
        self.blocks.append(Numbers(told))

    def table(
        self,
        title: str,
        frame: pd.DataFrame,
        key: str,
        formats: Mapping[str, str] | None = None,
        *,
        name: str = "",
        folded: bool = False,
    ) -> None:
        """Rows under their columns, nothing where there are none; `name` is that of their file."""
        if frame.empty:
            return
        tables.table(frame, key, formats, name)
        folded = folded or bool(self._fold)
        self.blocks.append(block(title or self._fold, frame, folded=folded))

    def chart(self, info: LinesInfo, key: str, what: str) -> None:
        """A chart with its numbers as a table behind it, or the reason why there is none."""
        if info.reason:
            self.reason(info.reason)
            return
        shown = {"displaylogo": False}
        st.plotly_chart(lines_figure(info), key=key, config=shown, width="stretch", alt=what)
        with st.expander("Numbers", icon=":material/table:"):
            tables.table(pd.DataFrame(table_rows(info)), f"{key}_numbers")
        self.blocks.append(Chart(info, what))

    @contextmanager
    def folded(self, title: str, icon: str) -> Iterator[None]:
        """What is drawn within is folded away under a title."""
        with st.expander(title, icon=icon):
            self._fold = title
            try:
                yield
            finally:
                self._fold = ""


def block(title: str, frame: pd.DataFrame, *, folded: bool = True) -> Table:
    """A frame as it would be shown; what is unknown stays empty."""
    rows = tuple(tuple(_value(v) for v in row) for row in frame.itertuples(index=False))
    return Table(title, tuple(map(str, frame.columns)), rows, folded)


def _value(value: Any) -> str | int | float | None:
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    return value if isinstance(value, str) else value.item() if hasattr(value, "item") else value
