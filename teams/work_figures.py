"""What the layers above know of a team's work, for lists of teams.

Each is an expression on the team of the row, so that a list costs one query however long it is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from django.db.models import DateTimeField, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.utils.timezone import localdate

from teams.models import Team

#: The span of `with_work`, today included.
DAYS = 30

#: Credits that the team's jobs spent since a day; when anything of its jobs moved last.
spent_since: list[Callable[[date], Combinable]] = []
last_moved: list[Callable[[], Combinable]] = []


def with_work(teams: QuerySet[Team]) -> QuerySet[Team]:
    """Add `spent_lately`, the credits that jobs spent in DAYS days, and `moved_at`, None for never."""
    first = localdate() - timedelta(days=DAYS - 1)
    spent: Combinable = Value(0)
    for expression in spent_since:
        spent = Coalesce(expression(first), 0)
    moved: Combinable = Value(None, output_field=DateTimeField())
    for latest in last_moved:
        moved = latest()
    return teams.annotate(spent_lately=spent, moved_at=moved)
