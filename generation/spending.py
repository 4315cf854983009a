"""What a team spent, read from the sums of its days: by operation and day, by anything, this month.

All amounts are credits that settlements captured; what was credited back later is not deducted.
Days are those of the team's time zone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.core.cache import cache
from django.db.models import F, Sum

from generation.models import UsageDay
from teams.models import Team

PERIODS = (14, 30, 90)
"""Days that the page offers to look back, today included."""
TOP = 10
SERIES = 5
"""Operations with a colour of their own; the others share one."""
STEADY_DAYS = 28
"""Full days before today of which the forecast takes the mean: four whole weeks."""
FEWEST_DAYS = 7
"""With fewer full days since the first spending there is no forecast."""

_MONTH = 31
_KEPT_SECONDS = 24 * 3600
_KEPT_VALUES = 20_000


@dataclass(frozen=True, slots=True)
class Series:
    """One operation of the chart, or all the lesser ones together (`name` is empty)."""

    name: str
    total: int


@dataclass(frozen=True, slots=True)
class Day:
    """What one day cost, by series in their order."""

    day: date
    parts: tuple[int, ...]

    @property
    def total(self) -> int:
        """All of the day."""
        return sum(self.parts)


@dataclass(frozen=True, slots=True)
class Usage:
    """The last days, oldest first, and their operations, dearest first."""

    days: tuple[Day, ...]
    series: tuple[Series, ...]

    @property
    def total(self) -> int:
        """What all of the days cost."""
        return sum(entry.total for entry in self.series)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the month will have cost at its end: `spent` until now, and `mean_of` for each day left.

    `mean_of` is what the last `mean_days` full days cost together; None where there are too few.
    """

    spent: int
    ends: date
    days_left: int
    mean_of: int | None
    mean_days: int

    @property
    def total(self) -> int | None:
        """Credits by the end of the month; None without a forecast."""
        if self.mean_of is None:
            return None
        return self.spent + _rounded(self.mean_of * self.days_left, self.mean_days)

    @property
    def per_day(self) -> int:
        """The mean of a day, rounded."""
        return _rounded(self.mean_of or 0, self.mean_days)

    def runs_out(self, available: int, today: date) -> date | None:
        """The day on which so many credits are used up at this pace, within a year."""
        if not self.mean_of:
            return None
        days = available * self.mean_days // self.mean_of
        return today + timedelta(days=days) if days <= 365 else None


@dataclass(frozen=True, slots=True)
class Share:
    """One value of a dimension: what it cost, results delivered, jobs settled."""

    value: str
    captured: int
    outputs: int
    jobs: int


class Spending:
    """A team's spending up to `today`, read once for the chart, the month and the forecast."""

    def __init__(self, team: Team, today: date, days: int) -> None:
        self._team = team
        self._today = today
        self._shown = days
        # Enough for the month and the mean, whatever the chart shows.
        since = today - timedelta(days=max(days, _MONTH, STEADY_DAYS + 1) - 1)
        rows = UsageDay.objects.filter(
            team=team, dimension=UsageDay.Dimension.OPERATION, day__gte=since, day__lte=today
        )
        self._by_day: dict[date, dict[str, int]] = {}
        for day, operation, captured in rows.values_list("day", "value", "captured"):
            self._by_day.setdefault(day, {})[operation] = captured

    def usage(self) -> Usage:
        """The days that the chart shows, stacked by operation."""
        days = [self._today - timedelta(days=back) for back in reversed(range(self._shown))]
        totals: Counter[str] = Counter()
        for day in days:
            totals.update(self._by_day.get(day, {}))
        ranked = sorted(
            (name for name, total in totals.items() if total),
            key=lambda name: (-totals[name], name),
        )
        # A single rest has a name of its own.
        named = ranked if len(ranked) <= SERIES + 1 else ranked[:SERIES]
        rest = ranked[len(named) :]
        series = [Series(name, totals[name]) for name in named]
        if rest:
            series.append(Series("", sum(totals[name] for name in rest)))
        return Usage(tuple(self._day(day, named, rest) for day in days), tuple(series))

    def month(self) -> Forecast:
        """What this month cost, and what it will."""
        today = self._today
        ends = (today.replace(day=1) + timedelta(days=_MONTH)).replace(day=1) - timedelta(days=1)
        mean_days = min(STEADY_DAYS, (today - self._first_day()).days)
        is_steady = mean_days >= FEWEST_DAYS
        before = [today - timedelta(days=back) for back in range(1, mean_days + 1)]
        return Forecast(
            spent=self._sum(day for day in self._by_day if day >= today.replace(day=1)),
            ends=ends,
            days_left=(ends - today).days,
            mean_of=self._sum(before) if is_steady else None,
            mean_days=max(mean_days, 1),
        )

    def _day(self, day: date, named: list[str], rest: list[str]) -> Day:
        spent = self._by_day.get(day, {})
        parts = [spent.get(name, 0) for name in named]
        if rest:
            parts.append(sum(spent.get(name, 0) for name in rest))
        return Day(day, tuple(parts))

    def _sum(self, days: Iterable[date]) -> int:
        return sum(sum(self._by_day.get(day, {}).values()) for day in days)

    def _first_day(self) -> date:
        rows = UsageDay.objects.filter(team=self._team, dimension=UsageDay.Dimension.OPERATION)
        first = rows.order_by("day").values_list("day", flat=True).first()
        return first or self._today


def shares(team: Team, dimension: str, today: date, days: int) -> list[Share]:
    """What the last `days` cost by the values of a dimension, dearest first, at most TOP of them.

    A value of no cost that delivered something comes last. Days before yesterday never change any
    more, so their sums are kept for a day: a team of many products has a hundred thousand of them.
    """
    since = today - timedelta(days=days - 1)
    fresh = max(since, today - timedelta(days=1))
    sums = dict(_settled_sums(team, dimension, since, fresh))
    for value, more in _sums(team, dimension, fresh, today).items():
        captured, outputs, jobs = sums.get(value, (0, 0, 0))
        sums[value] = (captured + more[0], outputs + more[1], jobs + more[2])
    ranked = sorted(sums.items(), key=lambda entry: (-entry[1][0], -entry[1][2], entry[0]))
    return [Share(value, *figures) for value, figures in ranked[:TOP]]


_Sums = Mapping[str, tuple[int, int, int]]


def _settled_sums(team: Team, dimension: str, since: date, fresh: date) -> _Sums:
    if since >= fresh:
        return {}
    key = f"usage:{team.pk}:{dimension}:{since}:{fresh}"
    kept: _Sums | None = cache.get(key)
    if kept is not None:
        return kept
    sums = _sums(team, dimension, since, fresh - timedelta(days=1))
    if len(sums) <= _KEPT_VALUES:
        cache.set(key, sums, _KEPT_SECONDS)
    return sums


def _sums(team: Team, dimension: str, since: date, until: date) -> _Sums:
    rows = (
        UsageDay.objects.filter(team=team, dimension=dimension, day__gte=since, day__lte=until)
        .order_by()
        .values_list("value")
        .annotate(Sum(F("captured")), Sum(F("outputs")), Sum(F("jobs")))
    )
    return {value: (captured, outputs, jobs) for value, captured, outputs, jobs in rows}


def _rounded(amount: int, parts: int) -> int:
    return (2 * amount + parts) // (2 * parts)
