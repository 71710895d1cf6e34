"""Tokens and queries to money and to arithmetic; what is unknown stays unknown, never zero."""

from __future__ import annotations

from dataclasses import dataclass

from engine.types import Usage


@dataclass(frozen=True, slots=True)
class PriceCard:
    """Prices of one endpoint, per million tokens and per query; None where nobody has said."""

    input: float | None = None
    """Uncached prompt tokens."""
    cached_input: float | None = None
    output: float | None = None
    """Completion tokens that are not hidden reasoning."""
    reasoning: float | None = None
    """Hidden reasoning; most endpoints charge it like `output`, which then has to be said."""
    per_query: float | None = None
    currency: str = "USD"

    @property
    def known(self) -> bool:
        """Whether any usage at all can be priced."""
        prices = (self.input, self.cached_input, self.output, self.reasoning, self.per_query)
        return None not in prices


def cost(usage: Usage, card: PriceCard) -> float | None:
    """What the usage costs in the card's currency; None when something that was used has no price or was not told.

    What was not used needs no price: a run without queries is priced without a query price.
    """
    if usage.unreported:
        return None
    parts = (
        (usage.input_tokens - usage.cached_input_tokens, card.input, 1e6),
        (usage.cached_input_tokens, card.cached_input, 1e6),
        (usage.completion_tokens - usage.reasoning_tokens, card.output, 1e6),
        (usage.reasoning_tokens, card.reasoning, 1e6),
        (usage.queries, card.per_query, 1),
    )
    total = 0.0
    for amount, price, unit in parts:
        if not amount:
            continue
        if price is None:
            return None
        total += amount * price / unit
    return total


def flops(usage: Usage, parameters: int) -> float:
    """Floating-point operations by the usual estimate: two per parameter for each token read anew or generated."""
    tokens = usage.input_tokens - usage.cached_input_tokens + usage.completion_tokens
    return 2.0 * parameters * tokens
