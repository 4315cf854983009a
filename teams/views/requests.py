"""The requests page: ask for credits, and decide about what others ask for."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from teams import requests
from teams.access import Right, may, team_view
from teams.budget_forms import DecisionForm, RequestForm
from teams.budget_status import Standing, managers, standings
from teams.http import TeamRequest
from teams.models import CreditRequest, Membership
from teams.rates import rate_limited
from teams.requests import Addressee, RequestRefused, State

DECIDED_SHOWN = 50
REQUESTS_PER_HOUR = 20


@dataclass(frozen=True, slots=True)
class Case:
    """An open request with what its decision depends on."""

    request: CreditRequest
    standing: Standing | None
    form: DecisionForm


@require_GET
@team_view(Right.SEE_MONEY)
def credits_requests(request: TeamRequest) -> HttpResponse:
    """What waits, what was decided, and the form to ask with; `?amount=` fills it in."""
    amount = request.GET.get("amount", "")
    return _page(request, RequestForm(initial={"amount": amount} if amount.isdigit() else None))


@require_POST
@team_view(Right.LAUNCH)
def credits_request_create(request: TeamRequest) -> HttpResponse:
    """Ask the admins; whoever is one asks the operator."""
    form = RequestForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    if rate_limited(request, "credit-request", REQUESTS_PER_HOUR, 3600):
        form.add_error(None, _("Too many requests in one hour. Try again later."))
        return _page(request, form, status=429)
    decides = may(request.membership, Right.MANAGE_BUDGETS)
    try:
        requests.ask(
            team=request.team,
            by=request.user,
            addressee=Addressee.OPERATOR if decides else Addressee.ADMINS,
            amount=form.cleaned_data["amount"],
            reason=form.cleaned_data["reason"],
        )
    except RequestRefused as exc:
        form.add_error(None, str(exc))
        return _page(request, form, status=422)
    messages.success(
        request,
        _("Sent to the operator. You get a mail with the answer.")
        if decides
        else _("Sent to the admins of the team. You get a mail with the answer."),
    )
    return redirect("teams:credits_requests", request.team.slug)


@require_POST
@team_view(Right.MANAGE_BUDGETS)
def credits_request_decide(request: TeamRequest, request_id: UUID) -> HttpResponse:
    """Approve a member's request with an amount, or decline it."""
    asked = get_object_or_404(
        CreditRequest.objects.select_related("team", "asked_by"),
        pk=request_id,
        team=request.team,
        addressee=Addressee.ADMINS,
    )
    if words := requests.decision_words(asked):
        messages.info(request, words)
        return redirect("teams:credits_requests", request.team.slug)
    form = DecisionForm(request.POST, prefix=str(asked.pk)[:8])
    if not form.is_valid():
        return _page(request, RequestForm(), refused=(asked.pk, form), status=422)
    data = form.cleaned_data
    try:
        if data["decision"] == "approve":
            requests.approve(
                request=asked, by=request.user, amount=data["amount"], note=data["note"]
            )
            text = _("Approved: %(n)s credits for %(person)s this month.")
        else:
            requests.decline(request=asked, by=request.user, note=data["note"])
            text = _("Declined. %(person)s gets a mail.")
    except RequestRefused as exc:
        messages.error(request, str(exc))
    else:
        who = asked.asked_by or _("the member")
        messages.success(request, text % {"n": intcomma(data["amount"] or 0), "person": who})
    return redirect("teams:credits_requests", request.team.slug)


@require_POST
@team_view(Right.SEE_MONEY)
def credits_request_withdraw(request: TeamRequest, request_id: UUID) -> HttpResponse:
    """Take one's own request back."""
    asked = get_object_or_404(
        CreditRequest.objects.select_related("team", "asked_by"),
        pk=request_id,
        team=request.team,
        asked_by=request.user,
    )
    try:
        requests.withdraw(request=asked, by=request.user)
    except RequestRefused as exc:
        messages.error(request, str(exc))
    else:
        messages.success(request, _("Withdrawn."))
    return redirect("teams:credits_requests", request.team.slug)


def _page(
    request: TeamRequest,
    form: RequestForm,
    *,
    refused: tuple[UUID, DecisionForm] | None = None,
    status: int = 200,
) -> HttpResponse:
    team = request.team
    decides = may(request.membership, Right.MANAGE_BUDGETS)
    rows = CreditRequest.objects.filter(team=team).select_related("asked_by")
    if not decides:
        rows = rows.filter(asked_by=request.user)
    open_ = list(rows.filter(state=State.OPEN).order_by("asked_at"))
    by_member = {standing.budget.member_id: standing for standing in standings(team, now())}
    forms = dict([refused]) if refused else {}
    decided = list(rows.exclude(state=State.OPEN).order_by("-decided_at")[:DECIDED_SHOWN])
    context = {
        "team": team,
        "decides": decides,
        "cases": [
            Case(asked, by_member.get(asked.asked_by_id), forms.get(asked.pk) or _blank(asked))
            for asked in open_
            if decides and asked.addressee == Addressee.ADMINS
        ],
        "waiting": [
            asked for asked in open_ if not decides or asked.addressee == Addressee.OPERATOR
        ],
        "may_ask": may(request.membership, Right.LAUNCH)
        and not any(asked.asked_by_id == request.user.pk for asked in open_),
        "decided": decided,
        "people": Membership.objects.names_in(team, {asked.decided_by for asked in decided}),
        "deciders": [] if decides else managers(team),
        "own": by_member.get(request.user.pk),
        "of_team": by_member.get(None),
        "available": team.credit_account.available,
        "form": form,
    }
    return TemplateResponse(request, "teams/requests.html", context, status=status)


def _blank(asked: CreditRequest) -> DecisionForm:
    return DecisionForm(initial={"amount": asked.amount}, prefix=str(asked.pk)[:8])
