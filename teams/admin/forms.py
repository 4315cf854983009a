"""Forms by which an operator moves credits. Each carries a key, so that it counts once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.timezone import localdate
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from teams.days import check_day
from teams.job_numbers import read_job
from teams.models import Grant, LedgerEntry, Team
from teams.operator_credits import USUAL_PRIORITY, Terms, zone_of

#: What one grant or adjustment may move, in credits: catches a slip of the finger.
AMOUNT_MOST = 1_000_000
#: How many teams one grant may go to.
TEAMS_MOST = 500
_PRIORITY_MOST = 1000
_JOB_LENGTH = 36
_JOBS_MOST = 500
#: What teams can be granted; credits back come by themselves.
_KINDS = [(kind.value, kind.label) for kind in (Grant.Kind.PAID, Grant.Kind.PROMOTIONAL)]


def _day(label: Any, help_text: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(
        label=label, help_text=help_text, required=False, widget=widget, validators=[check_day]
    )


def _amount(label: Any, least: int = 1) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=least, max_value=AMOUNT_MOST, localize=False)


def _reason() -> forms.CharField:
    help_text = _("The team reads it in its ledger.")
    return forms.CharField(label=_("Reason"), max_length=200, help_text=help_text)


def _reference() -> forms.CharField:
    help_text = _("An invoice, an order or a ticket. The team reads it, too.")
    return forms.CharField(
        label=_("Reference"), max_length=100, required=False, help_text=help_text
    )


def _note() -> forms.CharField:
    help_text = _("Those who asked read it.")
    return forms.CharField(label=_("Note"), max_length=200, required=False, help_text=help_text)


class KeyForm(forms.Form):
    """A form that counts once, however often it is sent."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class TermForm(KeyForm):
    """How many credits, of which kind, from when until when. Days are those of the teams' zones."""

    amount = _amount(_("Credits to grant"))
    kind = forms.ChoiceField(label=_("Kind"), choices=_KINDS, initial=Grant.Kind.PAID)
    begins = _day(_("First day"), _("In the team's time zone. Empty: now."))
    last_day = _day(
        _("Last day"), _("What is left when it is over is taken back. Empty: it never ends.")
    )

    def __init__(self, *args: Any, teams: Iterable[Team], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._days = sorted(localdate(timezone=zone_of(team)) for team in teams) or [localdate()]

    def clean(self) -> dict[str, Any]:
        """Refuse days that are over, and an end before the beginning."""
        data = super().clean() or {}
        begins, last_day = data.get("begins"), data.get("last_day")
        if begins and begins < self._days[0]:
            self.add_error("begins", _("This day is over."))
        if last_day and last_day < self._days[-1]:
            self.add_error("last_day", _("This day is over."))
        elif begins and last_day and last_day < begins:
            self.add_error("last_day", _("This is before the first day."))
        return data


class GrantForm(TermForm):
    """A grant of credits."""

    reason = _reason()
    reference = _reference()
    priority = forms.IntegerField(
        label=_("Priority"),
        min_value=0,
        max_value=_PRIORITY_MOST,
        initial=USUAL_PRIORITY,
        localize=False,
        help_text=_(
            "Grants of a lower number are used first; among equals the one that ends first."
        ),
    )
    field_order = ("amount", "kind", "begins", "last_day", "priority", "reason", "reference")

    def terms(self) -> Terms:
        """What a valid form grants."""
        data = {name: value for name, value in self.cleaned_data.items() if name in _TERMS}
        return Terms(**{**data, "kind": Grant.Kind(data["kind"])})


_TERMS = {"amount", "kind", "begins", "last_day", "priority", "reason", "reference"}


class ManyGrantForm(GrantForm):
    """The same grant to each of the teams that were ticked in the list."""

    teams = forms.CharField(widget=forms.HiddenInput)


class AdjustmentForm(KeyForm):
    """An adjustment of a balance, upwards or downwards."""

    amount = _amount(_("Credits to add"), -AMOUNT_MOST)
    reason = _reason()
    reference = _reference()
    field_order = ("amount", "reason", "reference")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].help_text = _("Below zero: to take away, such as -50.")

    def clean_amount(self) -> int:
        """Nothing is no adjustment."""
        amount = int(self.cleaned_data["amount"])
        if not amount:
            raise forms.ValidationError(_("Enter how many credits to add or to take away."))
        return amount


class CreditBackForm(KeyForm):
    """Credits that a job spent, given back to its team."""

    job = forms.CharField(
        label=_("Job"),
        max_length=60,
        help_text=_("Its number, or the first eight letters of it, as the ledger shows them."),
    )
    amount = _amount(_("Credits to give back"))
    reason = _reason()
    reference = _reference()
    field_order = ("job", "amount", "reason", "reference")

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._team = team

    def clean_job(self) -> str:
        """The whole id of the one job of the team that is meant."""
        begins = read_job(str(self.cleaned_data["job"]))
        if len(begins) == _JOB_LENGTH:
            return begins
        # A range, which every database looks up in the index, as the ledger's filters do.
        of_job = LedgerEntry.objects.filter(job__gte=begins, job__lt=f"{begins}g", kind="hold")
        found = [
            job
            for account, job in of_job.order_by("job").values_list("account_id", "job")[:_JOBS_MOST]
            if account == self._team.credit_account.pk
        ]
        if not found:
            raise forms.ValidationError(gettext("No job of this team has a number that begins so."))
        if len(found) > 1:
            raise forms.ValidationError(
                gettext("Several jobs of this team begin so. Give the whole number: %(jobs)s.")
                % {"jobs": gettext(" or ").join(found[:3])}
            )
        return found[0]


class ReasonForm(forms.Form):
    """Why an operator does what the page says."""

    reason = forms.CharField(label=_("Reason"), max_length=200)


class NoteForm(forms.Form):
    """What an operator says to a decision, if anything."""

    note = _note()


class RequestForm(TermForm):
    """The answer to a team's request: what it is granted."""

    note = _note()
    reference = _reference()
    field_order = ("amount", "kind", "begins", "last_day", "reference", "note")

    def terms(self, reason: str) -> Terms:
        """What a valid form grants; the reason is the team's own."""
        data = {name: value for name, value in self.cleaned_data.items() if name in _TERMS}
        return Terms(**{**data, "kind": Grant.Kind(data["kind"])}, reason=reason)


def teams_in(text: str) -> list[uuid.UUID]:
    """The ids of a form's hidden field. Raises ValueError for anything else than TEAMS_MOST ids."""
    ids = [uuid.UUID(part) for part in text.split(",")]
    if not 0 < len(ids) <= TEAMS_MOST:
        raise ValueError(f"{len(ids)} teams")
    return ids
