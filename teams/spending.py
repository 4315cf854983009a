"""Turns a team's spend per day into the bars of a chart, drawn by the template as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

#: The drawing's own units; the page stretches it, so it holds bars alone and no text.
WIDTH, HEIGHT = 600, 96
_SLOT_GAP = 4


@dataclass(frozen=True)
class Bar:
    """One day: what it cost in credits, and where its bar stands."""

    day: date
    spent: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Chart:
    """The bars of some days, oldest first, their highest value and their sum, in credits."""

    bars: tuple[Bar, ...]
    top: int
    total: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def marks(self) -> tuple[date, ...]:
        """The days that the axis names: the first, one in the middle, the last."""
        return tuple(self.bars[at].day for at in (0, len(self.bars) // 2, -1))

    @property
    def busy(self) -> tuple[Bar, ...]:
        """The days on which something was spent, newest first."""
        return tuple(bar for bar in reversed(self.bars) if bar.spent)


def draw_days(spent: Mapping[date, int], *, until: date, days: int) -> Chart:
    """Lay out one bar for each of the `days` days that end with `until`."""
    slot = WIDTH // days
    top = max(spent.values(), default=0)
    bars = []
    for number in range(days):
        day = until - timedelta(days=days - 1 - number)
        value = spent.get(day, 0)
        # A day that cost anything is visible, whatever the others cost.
        height = max(2, round(value * HEIGHT / top)) if value else 0
        bars.append(
            Bar(
                day=day,
                spent=value,
                x=number * slot + _SLOT_GAP // 2,
                y=HEIGHT - height,
                width=slot - _SLOT_GAP,
                height=height,
            )
        )
    return Chart(tuple(bars), top=top, total=sum(bar.spent for bar in bars))
