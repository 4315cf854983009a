"""The figures of a team that every page shows: unfinished jobs, jobs to review, credits."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from generation.models import Job, State
from teams.models import Team

#: Counts stop here, so that they cost the same for every team.
COUNT_CAP = 100
#: Unfinished, and yet nothing works on them that is known of: a person may have to decide.
IN_DOUBT = (State.UNKNOWN, State.LOST)


@dataclass(frozen=True, slots=True)
class Figures:
    """Jobs counted up to COUNT_CAP, and the credits that can be spent now.

    `running` are the unfinished ones that go on by themselves, `in_doubt` the others.
    """

    running: int = 0
    in_doubt: int = 0
    to_review: int = 0
    available: int = 0

    def __str__(self) -> str:
        """The same text means the same figures."""
        return f"{self.running}-{self.in_doubt}-{self.to_review}-{self.available}"


def read_figures(team: Team) -> Figures:
    """The figures now, in three queries if the credit account is at hand."""
    unfinished = Job.objects.for_team(team).unfinished()
    return Figures(
        running=_capped(unfinished.exclude(state__in=IN_DOUBT)),
        in_doubt=_capped(unfinished.filter(state__in=IN_DOUBT)),
        to_review=_capped(Job.objects.for_team(team).awaiting_review()),
        available=team.credit_account.available,
    )


def _capped(rows: QuerySet[Job]) -> int:
    return rows.order_by()[:COUNT_CAP].count()
