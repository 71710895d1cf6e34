"""Shared view: a published view as it was, read-only; without a link, the list of what was published."""

from __future__ import annotations

from pages.parts import sharing, state

wanted = state.shown_snapshot()
if wanted is None:
    sharing.listed()
else:
    sharing.show(wanted)
