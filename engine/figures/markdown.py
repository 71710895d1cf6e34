"""Untrusted text in Markdown: shown as what it is, never as markup."""

from __future__ import annotations

OVERRIDES = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Characters that turn the direction of what follows: of ours too, where it stands on the same line."""
SYNTAX = "\\`*_{}[]()#+-.!|~<>$:&"


def literal(text: str) -> str:
    """Text that Markdown shows as it is: every mark of its syntax is escaped, no direction is overridden."""
    return "".join(f"\\{c}" if c in SYNTAX else c for c in text.translate(OVERRIDES))


def on_one_line(text: str) -> str:
    """The same, with every stretch of white space as one blank."""
    return literal(" ".join(text.split()))
