"""What jobs tell about a team in the operator's list of teams."""

from __future__ import annotations

from datetime import date

from django.db.models import OuterRef, Subquery, Sum

from generation.models import Job, UsageDay


def spent_since(day: date) -> Subquery:
    """Credits that the row's team spent since that day."""
    days = UsageDay.objects.filter(
        team=OuterRef("pk"), dimension=UsageDay.Dimension.OPERATION, day__gte=day
    )
    sums = days.order_by().values("team").annotate(sum=Sum("captured"))
    return Subquery(sums.values("sum"))


def last_moved() -> Subquery:
    """When a job of the row's team was launched, went on or was decided about last."""
    jobs = Job.objects.filter(team=OuterRef("pk")).order_by("-changed_at")
    return Subquery(jobs.values("changed_at")[:1])
