"""The ledger as people read it: filters, pages by key, and each entry in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from django import forms
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Max, Min, Q, QuerySet
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.days import check_day
from teams.job_numbers import read_job
from teams.models import CreditAccount, Grant, LedgerEntry, Membership, Team

Kind = LedgerEntry.Kind

ENGINE = "engine"
"""The actor of what Diptych does by itself, and what the filter calls it."""

_OF_JOBS = (Kind.HOLD, Kind.SETTLE)
_MEMBERS_OFFERED = 200
_MOST_OF_JOB = 500
#: Clocks of the machines that write may differ by so much at most.
_SKEW = timedelta(minutes=5)


class LedgerFilters(forms.Form):
    """What of the ledger is asked for. Days are whole days of the reader's time zone."""

    kind = forms.ChoiceField(label=gettext_lazy("Entry"), required=False)
    by = forms.ChoiceField(label=gettext_lazy("By"), required=False)
    since = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        validators=[check_day],
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
    )
    until = forms.DateField(
        label=gettext_lazy("To"),
        required=False,
        validators=[check_day],
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
    )
    job = forms.CharField(label=gettext_lazy("Job"), required=False, max_length=60)

    def __init__(self, data: Any, *, team: Team) -> None:
        self._team = team
        self._asked = {name: str(data.get(name, "")) for name in self.base_fields}
        super().__init__(self._asked)
        kinds = [("", _("All")), *Kind.choices]
        people = [("", _("Everybody")), *self._people()]
        for name, choices in (("kind", kinds), ("by", people)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - as declared above
            field.choices = choices
            # Links of elsewhere may name what no choice does; that asks for everything.
            if self._asked[name] not in {str(value) for value, _label in choices}:
                self._asked[name] = ""

    def _people(self) -> list[tuple[str, str]]:
        members = Membership.objects.filter(team=self._team).by_rank()[:_MEMBERS_OFFERED]
        known = [(member.user.email, member.user.get_full_name()) for member in members]
        asked = self._asked["by"]
        # Who left, or an operator, is not offered and can be asked for all the same.
        if "@" in asked and asked not in dict(known) and "\0" not in asked:
            known.append((asked, asked))
        return [*known, (ENGINE, "Diptych")]

    def clean_job(self) -> str:
        """The beginning of a job's id, eight letters or more, as pages and addresses show it."""
        return read_job(str(self.cleaned_data["job"]))

    def clean(self) -> dict[str, Any]:
        """Refuse a span that ends before it begins."""
        values = self.cleaned_data
        if values.get("since") and values.get("until") and values["since"] > values["until"]:
            self.add_error("until", _("This day is before the first one."))
        return values

    @property
    def is_set(self) -> bool:
        """Whether anything is left out."""
        return any(self._asked.values())

    def entries(self) -> QuerySet[LedgerEntry]:
        """The entries that are asked for, newest first. None for a form with errors."""
        account = CreditAccount.objects.get(team=self._team)
        entries: QuerySet[LedgerEntry] = LedgerEntry.objects.filter(account=account)
        entries = entries.order_by("-seq")
        if not self.is_valid():
            return entries.none()
        asked = self.cleaned_data
        if asked["kind"]:
            entries = entries.filter(kind=asked["kind"])
            if asked["kind"] not in _OF_JOBS:
                # True of them all, and the condition of the index of these few.
                entries = entries.filter(d_held=0)
        if asked["by"]:
            entries = entries.filter(actor=asked["by"])
        if asked["job"]:
            entries = entries.filter(seq__in=_numbers_of_job(account, asked["job"]))
        zone = get_current_timezone()
        if asked["since"]:
            entries = _since(entries, account, _midnight(asked["since"], zone))
        if asked["until"]:
            entries = _until(entries, account, _midnight(asked["until"] + timedelta(days=1), zone))
        return entries


def _numbers_of_job(account: CreditAccount, begins: str) -> list[int]:
    """The entries of jobs whose id begins so; eight letters name one job, or two.

    Read by themselves: beside the account a planner takes its million entries for the shorter way.
    A range, which every database looks up in the index: no hexadecimal digit follows "g".
    """
    of_job = LedgerEntry.objects.filter(job__gte=begins, job__lt=f"{begins}g").order_by()
    found = of_job.values_list("account_id", "seq")[:_MOST_OF_JOB]
    return [seq for account_id, seq in found if account_id == account.pk]


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)


# Numbers rise with time, but for what the clocks of two machines differ. Bounds of numbers let a page
# of an old span be found where it is, instead of being sought from the newest entry downwards.


def _since(
    entries: QuerySet[LedgerEntry], account: CreditAccount, moment: datetime
) -> QuerySet[LedgerEntry]:
    later = LedgerEntry.objects.filter(account=account, at__gte=moment).order_by("at")
    first = later.values_list("at", flat=True).first()
    if first is None:
        return entries.none()
    near = later.filter(at__lte=first + _SKEW).aggregate(seq=Min("seq"))
    return entries.filter(at__gte=moment, seq__gte=near["seq"])


def _until(
    entries: QuerySet[LedgerEntry], account: CreditAccount, moment: datetime
) -> QuerySet[LedgerEntry]:
    earlier = LedgerEntry.objects.filter(account=account, at__lt=moment).order_by("-at")
    last = earlier.values_list("at", flat=True).first()
    if last is None:
        return entries.none()
    near = earlier.filter(at__gte=last - _SKEW).aggregate(seq=Max("seq"))
    return entries.filter(at__lt=moment, seq__lte=near["seq"])


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Some entries, newest first, and the numbers beside which the next pages lie."""

    rows: list[LedgerRow]
    newer: int | None = None
    older: int | None = None


def ledger_page(
    entries: QuerySet[LedgerEntry], *, before: str = "", after: str = "", size: int
) -> LedgerPage:
    """The `size` entries below the number `before`, or above `after`; else the newest.

    Keyset paging: a movement's number is its place, and asking costs the same on every page.
    """
    below, above = _number(before), _number(after)
    if below is None and above is not None:
        found = list(entries.filter(seq__gt=above).order_by("seq")[: size + 1])
        more = len(found) > size
        found = found[:size][::-1]
        if not found:
            return ledger_page(entries, size=size)
        return LedgerPage(rows_of(found), found[0].seq if more else None, found[-1].seq)
    if below is not None:
        entries = entries.filter(seq__lt=below)
    found = list(entries[: size + 1])
    more = len(found) > size
    found = found[:size]
    if not found:
        return LedgerPage([])
    return LedgerPage(
        rows_of(found),
        newer=found[0].seq if below is not None else None,
        older=found[-1].seq if more else None,
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def people_of(team: Team, entries: Iterable[LedgerEntry]) -> dict[str, str]:
    """What the team's pages call those who made the entries, by their address. One query."""
    found = list(entries)
    # Only operators make these, if not Diptych itself; their accounts may be gone or renamed.
    by_operators = {entry.actor: _("The operator") for entry in found if entry.kind not in _OF_JOBS}
    return by_operators | Membership.objects.names_in(team, {entry.actor for entry in found})


def rows_of(entries: Sequence[LedgerEntry]) -> list[LedgerRow]:
    """The entries with the grants that they speak of; one query, or none."""
    if not entries:
        return []
    keys = {entry.key for entry in entries if entry.kind not in (*_OF_JOBS, Kind.EXPIRE)}
    ids = {found for entry in entries if (found := _grant_id(entry)) is not None}
    if not keys and not ids:
        return [LedgerRow(entry) for entry in entries]
    wanted = Q(key__in=keys) | Q(pk__in=ids)
    grants = list(Grant.objects.filter(wanted, account=entries[0].account_id))
    by_key = {grant.key: grant for grant in grants}
    by_id = {grant.pk: grant for grant in grants}
    return [
        LedgerRow(entry, by_key.get(entry.key) or by_id.get(_grant_id(entry) or 0))
        for entry in entries
    ]


def _grant_id(entry: LedgerEntry) -> int | None:
    """The grant whose end an entry notes: its key is expire:<grant>:<why>."""
    if entry.kind != Kind.EXPIRE:
        return None
    return _number(entry.key.removeprefix("expire:").partition(":")[0])


@dataclass(frozen=True)
class LedgerRow:
    """One entry, and the grant that it made, ended or returned to, where it is known."""

    entry: LedgerEntry
    grant: Grant | None = None

    @property
    def title(self) -> str:
        """What happened, in a word or two."""
        entry = self.entry
        if entry.kind != Kind.SETTLE:
            return entry.get_kind_display()
        if not entry.d_posted:
            return _("Returned")
        return _("Spent") if entry.d_posted == entry.d_held else _("Partly spent")

    @cached_property
    def details(self) -> str:
        """More about it, in a sentence or as it was written; "" where there is nothing to say."""
        parts = [self._of_kind(), self.entry.reason, self.entry.reference]
        return " · ".join(part for part in parts if part)

    def _of_kind(self) -> str:
        entry, grant = self.entry, self.grant
        if entry.kind == Kind.SETTLE and entry.d_posted != entry.d_held:
            back = entry.d_posted - entry.d_held
            if not entry.d_posted:
                return _("Nothing was delivered")
            return _("%(back)s of %(held)s returned") % {
                "back": intcomma(back),
                "held": intcomma(-entry.d_held),
            }
        if grant is None:
            return ""
        if entry.kind == Kind.EXPIRE:
            return _("Left of %(amount)s granted on %(day)s") % {
                "amount": intcomma(grant.amount),
                "day": _day(grant.effective_at),
            }
        if entry.kind == Kind.GRANT:
            return f"{grant.get_kind_display()}, {self.term}"
        return self.term if grant.expires_at else ""

    @property
    def term(self) -> str:
        """How long the credits of its grant are good for."""
        if self.grant is None:
            return ""
        if self.grant.expires_at is None:
            return _("without end")
        return _("until %(day)s") % {"day": _day(self.grant.expires_at)}


def _day(moment: datetime) -> str:
    return date_format(localtime(moment), "DATE_FORMAT")
