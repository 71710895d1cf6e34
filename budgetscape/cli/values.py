"""Values of the analyses as JSON for programs and as short text for people."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

import numpy as np

from engine.analysis.estimate import Estimate
from engine.analysis.panel import Group, Stratum, Unknown


def plain(value: Any) -> Any:
    """Frozen values as JSON: a reason is {"unknown": why}, an end that nothing bounds is null."""
    if isinstance(value, Unknown):
        return {"unknown": value.why}
    if isinstance(value, Group):
        kept = {k: v for k, v in value._asdict().items() if v is not None and k != "content"}
        return kept | {"knobs": json.loads(value.content).get("knobs", {}) if value.content else {}}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def shown(value: Estimate | Unknown, digits: int = 3) -> str:
    """0.412 [0.35, 0.47], or why not."""
    if isinstance(value, Unknown):
        return f"unknown ({value.why})"
    low, high = (f"{v:.{digits}g}" if isfinite(v) else "unbounded" for v in (value.low, value.high))
    return f"{value.value:.{digits}g} [{low}, {high}]"


def named(stratum: Stratum) -> str:
    return " ".join(f"{k}={v}" for k, v in stratum)
