"""Medians of paired ratios, and how sure they are."""

from __future__ import annotations

import math
import random
import statistics


def bootstrap_interval(values: list[float], draws: int = 4000) -> tuple[float, float]:
    """A 95 % interval for the median."""
    if len(values) < 2:
        return (values[0], values[0])
    rng = random.Random(2026)  # The same data gives the same interval.
    medians = sorted(
        statistics.median(rng.choices(values, k=len(values))) for _ in range(draws))
    return (medians[int(draws * 0.025)], medians[int(draws * 0.975) - 1])


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]


def paired_ratio(ours: list[float], theirs: list[float]) -> dict:
    ratios = [a / b for a, b in zip(ours, theirs) if b > 0]
    low, high = bootstrap_interval(ratios)
    return {"median": statistics.median(ratios), "low": low, "high": high, "pairs": len(ratios)}
