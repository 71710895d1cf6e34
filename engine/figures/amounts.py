"""Times and money as a person says them."""

from __future__ import annotations

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}


def span(seconds: float) -> str:
    """0.024 -> 0.02 s, 2.56 -> 2.6 s, 28.5 -> 28 s, 95 -> 1 min 35 s, 3700 -> 1 h 2 min"""
    if seconds < 0.005:
        return "0 s"
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(seconds / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def money(cost: float, currency: str = "") -> str:
    """Two digits that tell something, never an exponent; without a currency where it is not known.

    (0.00123, "USD") -> $0.0012, (12.3456, "CHF") -> 12.35 CHF, (0.000002, "") -> cost 0.000002
    """
    if abs(cost) >= 1 or cost == 0:
        told = f"{cost:,.2f}"
    else:
        places = next(n for n in range(2, 20) if abs(cost) >= 10 ** (1 - n)) if cost else 2
        told = f"{cost:.{places}f}".rstrip("0") if places > 2 else f"{cost:.2f}"
    if not currency:
        return f"cost {told}"
    return SIGNS[currency] + told if currency in SIGNS else f"{told} {currency}"


def queries(count: int) -> str:
    """queries(1) -> "1 query" """
    return f"{count} quer{'y' if count == 1 else 'ies'}"
