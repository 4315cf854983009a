"""Requests of teams to be credited back for results, as the admin's index counts them."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from generation.models import RefundRequest
from teams.models import User
from teams.operator_desk import Queue, count_waiting


def refunds_asked_for(operator: User) -> Queue | None:
    """Open requests, for those who may credit back."""
    if not operator.has_perm("teams.refund_credits"):
        return None
    try:
        url = reverse("admin:generation_refundrequest_changelist") + "?state__exact=open"
    except NoReverseMatch:
        return None
    waiting = count_waiting(RefundRequest.objects.filter(state=RefundRequest.State.OPEN))
    return Queue(_("Requests to credit results back"), waiting, url)
