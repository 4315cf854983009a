"""Lays a team's usage out as stacked bars, in per cent of a drawing that is never stretched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.safestring import SafeString, mark_safe

from generation.spending import Day, Usage

_BAR = 0.76
"""How much of its day's width a bar takes."""
_LINES = 4
"""Most lines above the one that the bars stand on."""
_LABELS = 5
_EDGE = 6.0
"""Per cent of the width within which a label leans inwards."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One operation's part of a bar. `number` is its colour, from 1; positions are per cent."""

    number: int
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: where its bar stands, and what it is made of, from the bottom up."""

    day: Day
    left: str
    x: str
    width: str
    segments: tuple[Segment, ...]

    @property
    def drawing(self) -> SafeString:
        """Its segments as SVG. A template would take five times as long for ninety days."""
        return mark_safe(  # noqa: S308 - our own numbers
            "".join(
                f'<rect class="series-{part.number}" x="{self.x}" y="{part.y}"'
                f' width="{self.width}" height="{part.height}"/>'
                for part in self.segments
            )
        )

    @property
    def cells(self) -> SafeString:
        """Its figures as cells of the table, by series and then together."""
        figures = "".join(f'<td class="num">{_told(part)}</td>' for part in self.day.parts)
        together = f'<td class="num"><strong>{_told(self.day.total)}</strong></td>'
        return mark_safe(figures + together)  # noqa: S308 - our own numbers


@dataclass(frozen=True, slots=True)
class Mark:
    """A line with its amount, or a day's label, at a place in per cent."""

    place: str
    value: int | date
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Chart:
    """The drawing: a bar for each day, lines at round amounts, labels for some of the days."""

    bars: tuple[Bar, ...]
    slot: str
    lines: tuple[Mark, ...]
    labels: tuple[Mark, ...]
    dearest: Day

    @property
    def busy(self) -> tuple[Bar, ...]:
        """The days on which something was spent, newest first."""
        return tuple(bar for bar in reversed(self.bars) if bar.segments)


def draw(usage: Usage) -> Chart:
    """Draw at least one day."""
    slot = 100 / len(usage.days)
    top = _ceiling(max(day.total for day in usage.days))
    step = _step(top)
    return Chart(
        bars=tuple(_bar(day, number, slot, top) for number, day in enumerate(usage.days)),
        slot=_percent(slot),
        lines=tuple(
            Mark(_percent(100 - 100 * amount / top), amount) for amount in range(0, top + 1, step)
        ),
        labels=tuple(_labels(usage.days, slot)),
        dearest=max(usage.days, key=lambda day: day.total),
    )


def _bar(day: Day, number: int, slot: float, top: int) -> Bar:
    segments = []
    below = 0
    for place, part in enumerate(day.parts, start=1):
        if part:
            below += part
            y, height = 100 - 100 * below / top, 100 * part / top
            segments.append(Segment(place, _percent(y), _percent(height)))
    left = number * slot
    return Bar(
        day, _percent(left), _percent(left + slot * (1 - _BAR) / 2), _percent(slot * _BAR),
        tuple(segments),
    )  # fmt: skip


def _labels(days: Sequence[Day], slot: float) -> list[Mark]:
    every = -(-len(days) // _LABELS)
    marks = []
    for number in range(len(days) - 1, -1, -every):
        centre = (number + 0.5) * slot
        anchor = "end" if centre > 100 - _EDGE else "start" if centre < _EDGE else "middle"
        place = 100.0 if anchor == "end" else 0.0 if anchor == "start" else centre
        marks.append(Mark(_percent(place), days[number].day, anchor))
    return marks[::-1]


def _step(highest: int) -> int:
    """A round number of which at most _LINES reach the highest amount."""
    scale = 1
    while True:
        for leading in (1, 2, 5):
            if leading * scale * _LINES >= highest:
                return leading * scale
        scale *= 10


def _ceiling(highest: int) -> int:
    step = _step(max(highest, 1))
    return -(-max(highest, 1) // step) * step


def _told(amount: int) -> str:
    return str(intcomma(amount)) if amount >= 1000 else str(amount)


def _percent(value: float) -> str:
    return f"{value:.3f}%"
