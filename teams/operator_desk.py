"""What waits for an operator's decision, and whether the ledger adds up, for the admin's index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from teams.models import CreditRequest, LedgerCheck, PendingAdjustment, User

#: Counts stop here: the page says "100+".
COUNT_CAP = 100


@dataclass(frozen=True, slots=True)
class Queue:
    """Rows of one kind that wait. `count` stops at COUNT_CAP + 1."""

    label: str
    count: int
    url: str


#: Each tells what waits for that operator, None where it is none of their business.
queues: list[Callable[[User], Queue | None]] = []


@dataclass(frozen=True, slots=True)
class Desk:
    """The head of the admin's index."""

    queues: list[Queue]
    check: LedgerCheck | None


def desk_of(operator: User) -> Desk:
    """What the operator may decide about, and the newest check of the ledger if they may see it."""
    found = [queue for ask in queues if (queue := ask(operator))]
    may_see = operator.has_perm("teams.view_ledgercheck")
    return Desk(found, LedgerCheck.objects.first() if may_see else None)


def count_waiting(rows: QuerySet[Model]) -> int:
    """How many rows there are, counted up to one more than COUNT_CAP."""
    return rows.order_by()[: COUNT_CAP + 1].count()


def requests_of_teams(operator: User) -> Queue | None:
    """Requests for credits that were sent to the operator."""
    if not operator.has_perm("teams.grant_credits"):
        return None
    rows = CreditRequest.objects.filter(
        addressee=CreditRequest.Addressee.OPERATOR, state=CreditRequest.State.OPEN
    )
    url = reverse("admin:teams_creditrequest_changelist")
    query = "?addressee__exact=operator&state__exact=open"
    return Queue(_("Requests for credits"), count_waiting(rows), url + query)


def adjustments_to_approve(operator: User) -> Queue | None:
    """Adjustments that wait for a second operator, and were not asked for by this one."""
    if not operator.has_perm("teams.adjust_credits"):
        return None
    rows = PendingAdjustment.objects.filter(state=PendingAdjustment.State.PENDING)
    url = reverse("admin:teams_pendingadjustment_changelist") + "?state__exact=pending"
    waiting = count_waiting(rows.exclude(asked_by__iexact=operator.email))
    return Queue(_("Adjustments that need a second operator"), waiting, url)


queues += [requests_of_teams, adjustments_to_approve]
