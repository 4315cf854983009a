"""What waits for an operator: teams that ask for credits, adjustments that need a second person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams import requests
from teams.admin.forms import NoteForm, RequestForm
from teams.admin.read_only import ReadOnlyAdmin
from teams.admin.steps import Preview, Step, operator_of, require
from teams.admin.team_credits import change_by, facts_of
from teams.credits import InsufficientCredits
from teams.models import CreditAccount, CreditRequest, PendingAdjustment
from teams.operator_credits import (
    ActRefused,
    Terms,
    approve_adjustment,
    decline_adjustment,
)
from teams.requests import RequestRefused
from teams.templatetags.ledger import NONE, signed
from teams.templatetags.ui import credits as in_words


@admin.register(CreditRequest)
class CreditRequestAdmin(ReadOnlyAdmin):
    """Requests for credits. Those to the operator are decided here, others by the team's admins."""

    list_display = (
        "asked_at", "team", "amount", "reason", "asked_by", "addressee", "state",
        "approved_amount", "decided_by", "decided_at",
    )  # fmt: skip
    list_filter = ("state", "addressee")
    search_fields = ("team__name", "team__slug", "asked_by__email", "reason")
    list_select_related = ("team", "asked_by")
    change_form_template = "admin/teams/creditrequest/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """Django's pages and the forms that decide."""
        own = {"approve": approve_view, "decline": decline_view}
        return [
            *(
                path(
                    f"<uuid:request_id>/{name}/",
                    self.admin_site.admin_view(view),
                    name=f"teams_creditrequest_{name}",
                )
                for name, view in own.items()
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The request's page, with the decision for those who may make it."""
        asked = self.get_object(request, object_id)
        context = {
            "may_decide": asked is not None
            and asked.state == CreditRequest.State.OPEN
            and asked.addressee == CreditRequest.Addressee.OPERATOR
            and request.user.has_perm("teams.grant_credits")
        }
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )


def approve_view(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Grant a team what it asked for, or another amount."""
    require(request, "grant_credits")
    asked = _request(request_id)
    if asked.state != CreditRequest.State.OPEN:
        return _decided_before(request, asked)
    wished = {"amount": min(asked.amount, RequestForm.base_fields["amount"].max_value)}  # type: ignore[attr-defined]
    form = RequestForm(request.POST or None, initial=wished, teams=[asked.team])
    title = _("Grant credits to %(team)s") % {"team": asked.team}
    step = Step(request, CreditRequest, asked, title, form, rows=_facts(asked))
    if not step.is_sent:
        return step.show()
    data = form.cleaned_data
    terms = form.terms(asked.reason)
    if asked.team.closed_at is not None:
        form.add_error(None, _("This team is closed: it cannot be granted anything."))
    elif step.is_confirmed:
        try:
            requests.approve_by_operator(
                request=asked,
                by=operator_of(request),
                amount=terms.amount,
                note=data["note"],
                reference=terms.reference,
                kind=terms.kind,
                effective_at=terms.effective_at(asked.team),
                expires_at=terms.expires_at(asked.team),
            )
        except RequestRefused as exc:
            messages.error(request, str(exc))
        else:
            said = {"amount": in_words(terms.amount), "team": asked.team}
            messages.success(request, _("%(amount)s granted to %(team)s. They get a mail.") % said)
        return redirect("admin:teams_creditrequest_change", asked.pk)
    elif step.wants_preview:
        step.preview = _preview(asked, terms, data["note"])
    return step.show()


def _preview(asked: CreditRequest, terms: Terms, note: str) -> Preview:
    amount = in_words(terms.amount)
    text = _("%(amount)s, with the reason “%(reason)s”. The ledger keeps this for good.")
    facts = facts_of(terms, asked.team)
    if note:
        facts.append((_("Note"), note))
    return Preview(
        sentence=text % {"amount": amount, "reason": terms.reason},
        button=_("Grant %(amount)s") % {"amount": amount},
        changes=[change_by(asked.team, terms)],
        facts=facts,
    )


def decline_view(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Say no to a team, with a note."""
    require(request, "grant_credits")
    asked = _request(request_id)
    if asked.state != CreditRequest.State.OPEN:
        return _decided_before(request, asked)
    step = Step(
        request,
        CreditRequest,
        asked,
        _("Decline the request of %(team)s") % {"team": asked.team},
        NoteForm(request.POST or None),
        button=_("Decline"),
        rows=_facts(asked),
    )
    if not step.is_sent:
        return step.show()
    try:
        note = step.form.cleaned_data["note"]
        requests.decline(request=asked, by=operator_of(request), note=note)
    except RequestRefused as exc:
        messages.error(request, str(exc))
    else:
        messages.success(request, _("Declined. %(team)s gets a mail.") % {"team": asked.team})
    return redirect("admin:teams_creditrequest_change", asked.pk)


def _decided_before(request: HttpRequest, asked: CreditRequest) -> HttpResponse:
    messages.info(request, requests.decision_words(asked))
    return redirect("admin:teams_creditrequest_change", asked.pk)


def _request(request_id: UUID) -> CreditRequest:
    """A request to the operator, decided or not; those to a team's admins are theirs."""
    rows = CreditRequest.objects.filter(addressee=CreditRequest.Addressee.OPERATOR)
    return get_object_or_404(rows.select_related("team__credit_account", "asked_by"), pk=request_id)


def _facts(asked: CreditRequest) -> list[tuple[str, str]]:
    return [
        (_("Team"), asked.team.name),
        (_("Can be spent"), in_words(asked.team.credit_account.available)),
        (_("Asked for"), in_words(asked.amount)),
        (_("Asked by"), str(asked.asked_by or NONE)),
        (_("Reason"), asked.reason),
    ]


# --- Adjustments that need a second operator ------------------------------------------------------


@admin.register(PendingAdjustment)
class PendingAdjustmentAdmin(ReadOnlyAdmin):
    """Adjustments above ADJUSTMENT_NEEDS_TWO credits: one operator asks, another decides."""

    list_display = (
        "asked_at", "team", "credits", "reason", "reference", "asked_by", "state", "decided_by",
        "decided_at",
    )  # fmt: skip
    list_filter = ("state",)
    search_fields = ("team__name", "team__slug", "asked_by", "reason", "reference")
    list_select_related = ("team",)
    fields = (
        "team", "credits", "balance", "reason", "reference", "asked_by", "asked_at", "state",
        "decided_by", "decided_at",
    )  # fmt: skip
    change_form_template = "admin/teams/pendingadjustment/change_form.html"

    @admin.display(description=gettext_lazy("credits"), ordering="amount")
    def credits(self, asked: PendingAdjustment) -> str:
        """What it would add or take away."""
        return signed(asked.amount)

    @admin.display(description=gettext_lazy("balance"))
    def balance(self, asked: PendingAdjustment) -> str:
        """What the team can spend now, and afterwards."""
        available = CreditAccount.objects.get(team=asked.team_id).available
        if asked.state != PendingAdjustment.State.PENDING:
            return _("%(available)s available now") % {"available": in_words(available)}
        return f"{intcomma(available)} → {in_words(available + asked.amount)}"

    def get_urls(self) -> list[URLPattern]:
        """Django's pages and the decision."""
        own = path(
            "<uuid:asked_id>/decide/",
            self.admin_site.admin_view(decide_view),
            name="teams_pendingadjustment_decide",
        )
        return [own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The adjustment's page, with the decision for everybody but the one who asked."""
        asked = self.get_object(request, object_id)
        waits = asked is not None and asked.state == PendingAdjustment.State.PENDING
        is_own = asked is not None and asked.asked_by.lower() == operator_of(request).email.lower()
        context = {
            "may_decide": waits and not is_own and request.user.has_perm("teams.adjust_credits"),
            "waits_for_others": waits and is_own,
        }
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )


def decide_view(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    """Approve or decline an adjustment that another operator asked for (POST)."""
    require(request, "adjust_credits")
    asked = get_object_or_404(PendingAdjustment.objects.select_related("team"), pk=asked_id)
    decision = request.POST.get("decision")
    try:
        if decision == "approve":
            approve_adjustment(asked=asked, by=operator_of(request))
            said = {"team": asked.team, "amount": signed(asked.amount)}
            text = _("The balance of %(team)s was adjusted: %(amount)s.")
            messages.success(request, text % said)
        elif decision == "decline":
            decline_adjustment(asked=asked, by=operator_of(request))
            messages.success(request, _("Declined. Nothing changed."))
    except ActRefused as exc:
        messages.error(request, str(exc))
    except InsufficientCredits as exc:
        text = _("Only %(available)s can be taken away. The adjustment still waits.")
        messages.error(request, text % {"available": in_words(exc.available)})
    return redirect("admin:teams_pendingadjustment_change", asked.pk)
