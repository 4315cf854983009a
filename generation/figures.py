"""The figures of a team that every page shows: unfinished jobs, pairs to review, credits."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from generation.models import Job
from teams.models import Team

#: Counts stop here, so that they cost the same for every team.
COUNT_CAP = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """Jobs counted up to COUNT_CAP, and the credits that can be spent now."""

    running: int = 0
    to_review: int = 0
    available: int = 0

    def __str__(self) -> str:
        """The same text means the same figures."""
        return f"{self.running}.{self.to_review}.{self.available}"


def read_figures(team: Team) -> Figures:
    """The figures now, in two queries if the credit account is at hand."""
    return Figures(
        running=_capped(Job.objects.for_team(team).unfinished()),
        to_review=_capped(Job.objects.for_team(team).awaiting_review()),
        available=team.credit_account.available,
    )


def _capped(rows: QuerySet[Job]) -> int:
    return rows.order_by()[:COUNT_CAP].count()
