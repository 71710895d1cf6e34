"""Untrusted text in Markdown: shown as what it is, never as markup."""

from __future__ import annotations

SYNTAX = "\\`*_{}[]()#+-.!|~<>$:&"


def literal(text: str) -> str:
    """Text that Markdown shows as it is: every mark of its syntax is escaped."""
    return "".join(f"\\{c}" if c in SYNTAX else c for c in text)


def on_one_line(text: str) -> str:
    """The same, with every stretch of white space as one blank."""
    return literal(" ".join(text.split()))
