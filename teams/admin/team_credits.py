"""The forms at a team's page that move its credits: grant, correct, credit back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from teams.admin.forms import AdjustmentForm, CreditBackForm, GrantForm
from teams.admin.steps import Change, Preview, Step, operator_of, require
from teams.credits import AlreadyPosted, InsufficientCredits
from teams.models import LedgerEntry, PendingAdjustment, Team
from teams.operator_credits import (
    ActRefused,
    Terms,
    correct,
    credit_back,
    give,
    needs_two,
    too_much_back,
    zone_of,
)
from teams.templatetags.ledger import signed
from teams.templatetags.ui import credits as in_words


def grant_view(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """Grant credits to a team."""
    require(request, "grant_credits")
    team = _team(team_id)
    title = _("Grant credits to %(team)s") % {"team": team}
    step = _step(request, team, title, GrantForm(request.POST or None, teams=[team]))
    if step.is_sent:
        assert isinstance(step.form, GrantForm)  # noqa: S101 - as made above
        terms = step.form.terms()
        if step.is_confirmed:
            return _grant(request, team, terms, step.form.cleaned_data["key"])
        if step.wants_preview:
            step.preview = _preview_of_grant(team, terms)
    return step.show()


def _preview_of_grant(team: Team, terms: Terms) -> Preview:
    amount = in_words(terms.amount)
    text = _("%(amount)s, with the reason “%(reason)s”. The ledger keeps this for good.")
    closed = _("This team is closed: it cannot be granted anything.") if team.closed_at else ""
    return Preview(
        sentence=text % {"amount": amount, "reason": terms.reason},
        button=_("Grant %(amount)s") % {"amount": amount},
        changes=[change_by(team, terms)],
        facts=facts_of(terms, team),
        warning=closed,
    )


def change_by(team: Team, terms: Terms) -> Change:
    """What a grant does to a team's available credits, now or when it begins."""
    available = team.credit_account.available
    if team.closed_at is not None:
        return Change(team.name, available, None, _("Closed: gets nothing"))
    starts = terms.effective_at(team)
    if starts is None:
        note = _("Suspended") if team.suspended_at else ""
        return Change(team.name, available, available + terms.amount, note)
    note = _("%(amount)s from %(day)s on") % {
        "amount": in_words(terms.amount),
        "day": date_format(localtime(starts, zone_of(team))),
    }
    return Change(team.name, available, None, note)


def facts_of(terms: Terms, team: Team | None = None) -> list[tuple[str, str]]:
    """The terms of a grant as names and values that people read."""
    zone = f" ({team.time_zone})" if team else ""
    begins = date_format(terms.begins) + zone if terms.begins else _("now")
    facts = [
        (_("Kind"), str(terms.kind.label)),
        (_("First day"), begins),
        (_("Last day"), date_format(terms.last_day) + zone if terms.last_day else _("without end")),
        (_("Priority"), str(terms.priority)),
    ]
    if terms.reference:
        facts.append((_("Reference"), terms.reference))
    return facts


def _grant(request: HttpRequest, team: Team, terms: Terms, key: UUID) -> HttpResponse:
    try:
        given = give(team=team, terms=terms, by=operator_of(request), key=key)
    except AlreadyPosted:
        messages.info(request, _("These credits were granted already. Nothing was added."))
    except ActRefused as exc:
        messages.error(request, str(exc))
    else:
        if given.posted_at:
            text = ngettext(
                "%(amount)s credit granted to %(team)s.",
                "%(amount)s credits granted to %(team)s.",
                terms.amount,
            )
        else:
            text = _("%(amount)s credits for %(team)s from %(day)s on.")
        day = date_format(localtime(given.effective_at, zone_of(team)))
        said = {"amount": intcomma(terms.amount), "team": team, "day": day}
        messages.success(request, text % said)
    return redirect("admin:teams_team_change", team.pk)


# --- Adjustments ----------------------------------------------------------------------------------


def correct_view(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """Adjust a team's balance, or ask a second operator to."""
    require(request, "adjust_credits")
    team = _team(team_id)
    title = _("Adjust the balance of %(team)s") % {"team": team}
    step = _step(request, team, title, AdjustmentForm(request.POST or None))
    if most := settings.ADJUSTMENT_NEEDS_TWO:
        text = _("More than %(most)s needs a second operator.") % {"most": in_words(most)}
        step.lead = f"{step.lead} {text}"
    if step.is_sent:
        data = step.form.cleaned_data
        if step.is_confirmed:
            # A form that is sent twice may find too little left, and is told that it counted.
            return _correct(request, team, data)
        available = team.credit_account.available
        if available + data["amount"] < 0:
            text = _("Only %(available)s can be taken away.")
            step.form.add_error("amount", text % {"available": in_words(available)})
        elif step.wants_preview:
            step.preview = _preview_of_adjustment(team, data)
    return step.show()


def _preview_of_adjustment(team: Team, data: dict[str, Any]) -> Preview:
    amount, available = data["amount"], team.credit_account.available
    text = _("%(amount)s, with the reason “%(reason)s”. The ledger keeps this for good.")
    waits = needs_two(amount)
    return Preview(
        sentence=text % {"amount": signed(amount), "reason": data["reason"]},
        button=_("Ask a second operator") if waits else _("Adjust the balance"),
        changes=[Change(team.name, available, available + amount)],
        facts=[(_("Reference"), data["reference"])] if data["reference"] else [],
        warning=_("Nothing changes before a second operator approves it.") if waits else "",
    )


def _correct(request: HttpRequest, team: Team, data: dict[str, Any]) -> HttpResponse:
    try:
        done = correct(team=team, by=operator_of(request), **data)
    except AlreadyPosted:
        messages.info(request, _("This adjustment was sent already. Nothing was added."))
    except InsufficientCredits as exc:
        text = _("Only %(available)s can be taken away.")
        messages.error(request, text % {"available": in_words(exc.available)})
    else:
        if isinstance(done, PendingAdjustment):
            messages.warning(
                request, _("A second operator was asked by mail. Nothing changed yet.")
            )
        else:
            text = _("The balance of %(team)s was adjusted: %(amount)s.")
            said = {"team": team, "amount": signed(data["amount"])}
            messages.success(request, text % said)
    return redirect("admin:teams_team_change", team.pk)


# --- Credits back ---------------------------------------------------------------------------------


def credit_back_view(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """Give a team back what one of its jobs spent, or a part of it."""
    require(request, "refund_credits")
    team = _team(team_id)
    title = _("Credit back to %(team)s") % {"team": team}
    wished = {"job": request.GET.get("job", "")}
    step = _step(
        request, team, title, CreditBackForm(request.POST or None, initial=wished, team=team)
    )
    if step.is_sent:
        data = step.form.cleaned_data
        if step.is_confirmed:
            # A form that is sent twice finds less to give back, and is told that it was.
            return _credit_back(request, team, data)
        spent, returned = _spent(team, data["job"])
        if data["amount"] > spent - returned:
            field = "job" if spent <= returned else "amount"
            step.form.add_error(field, too_much_back(spent - returned))
        elif step.wants_preview:
            step.preview = _preview_of_credit_back(team, data, spent, returned)
    return step.show()


def _spent(team: Team, job: str) -> tuple[int, int]:
    """Credits that a job of the team spent, and those of them that came back."""
    entries = LedgerEntry.objects.filter(account=team.credit_account, job=job)
    of_job = entries.filter(kind__in=["settle", "refund"]).order_by()
    sums = dict(of_job.values_list("kind").annotate(Sum("d_posted")))
    return -sums.get("settle", 0), sums.get("refund", 0)


def _preview_of_credit_back(team: Team, data: dict[str, Any], spent: int, returned: int) -> Preview:
    available = team.credit_account.available
    amount = in_words(data["amount"])
    text = _("%(amount)s back, with the reason “%(reason)s”. The ledger keeps this for good.")
    facts = [
        (_("Job"), data["job"]),
        (_("Spent"), in_words(spent)),
        (_("Came back before"), in_words(returned)),
    ]
    if data["reference"]:
        facts.append((_("Reference"), data["reference"]))
    return Preview(
        sentence=text % {"amount": amount, "reason": data["reason"]},
        button=_("Give back %(amount)s") % {"amount": amount},
        changes=[Change(team.name, available, available + data["amount"])],
        facts=facts,
    )


def _credit_back(request: HttpRequest, team: Team, data: dict[str, Any]) -> HttpResponse:
    try:
        credit_back(team=team, by=operator_of(request), **data)
    except AlreadyPosted:
        messages.info(request, _("These credits were given back already. Nothing was added."))
    except ActRefused as exc:
        messages.error(request, str(exc))
    else:
        said = {"amount": in_words(data["amount"]), "team": team}
        messages.success(request, _("%(amount)s given back to %(team)s.") % said)
    return redirect("admin:teams_team_change", team.pk)


# --- Shared ---------------------------------------------------------------------------------------


def _team(team_id: UUID) -> Team:
    return get_object_or_404(Team.objects.with_balance(), pk=team_id)


def _step(request: HttpRequest, team: Team, title: str, form: Any) -> Step:
    account = team.credit_account
    text = _("%(team)s has %(available)s available and %(held)s held by unfinished jobs.")
    lead = text % {
        "team": team,
        "available": in_words(account.available),
        "held": in_words(account.held),
    }
    return Step(request, Team, team, title, form, lead=lead)
