"""What a benchmark reports: a name, a number with its unit, and the number to beat."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured number. `target` is what it should reach; None where there is none yet.

    `digits` are those behind the point.
    """

    name: str
    value: float
    unit: str = ""
    target: float | None = None
    higher_is_better: bool = False
    digits: int = 2

    @property
    def is_met(self) -> bool:
        """Whether the target was reached, or there is none."""
        if self.target is None:
            return True
        return self.value >= self.target if self.higher_is_better else self.value <= self.target

    def __str__(self) -> str:
        told = f"{self.name}: {self.value:.{self.digits}f} {self.unit}".rstrip()
        if self.target is None:
            return told
        relation = "at least" if self.higher_is_better else "at most"
        verdict = "" if self.is_met else ", MISSED"
        return f"{told} ({relation} {self.target:g}{verdict})"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie."""
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]
