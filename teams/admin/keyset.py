"""Lists of millions of rows in Django's admin: filters of their own, pages by number, nothing counted.

Rows are numbered as they are written, so the number of the last row shown is where the next page
begins, and every page costs the same. Django's own pages count all rows and skip the first ones.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Max, Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.admin.read_only import ReadOnlyAdmin
from teams.days import check_day

if TYPE_CHECKING:  # Generic for mypy only.
    _Rows = QuerySet[Any]
else:
    _Rows = QuerySet

#: Clocks of the machines that write may differ by so much at most.
_SKEW = timedelta(minutes=5)
_BEFORE = "before"


class SpanForm(forms.Form):
    """Filters of a list, by whole days of the reader's time zone and what a subclass adds."""

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

    def __init__(self, data: Any) -> None:
        super().__init__({name: data.get(name, "").strip() for name in self.base_fields})

    @property
    def is_set(self) -> bool:
        """Whether anything is left out."""
        return any(self.data.values())

    def clean(self) -> dict[str, Any]:
        """Refuse a span that ends before it begins."""
        values = super().clean() or {}
        if values.get("since") and values.get("until") and values["since"] > values["until"]:
            self.add_error("until", _("This day is before the first one."))
        return values

    def number(self) -> str:
        """The column that numbers the rows which `narrow` leaves."""
        return "pk"

    def narrow(self, rows: _Rows) -> _Rows:
        """The rows that a valid form asks for, newest first."""
        rows = rows.order_by(f"-{self.number()}")
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        every = rows
        if since:
            rows = _from(rows, every, self.number(), _midnight(since))
        if until:
            rows = _to(rows, every, self.number(), _midnight(until + timedelta(days=1)))
        return rows


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), get_current_timezone())


# Numbers rise with time, but for what the clocks of two machines differ. Bounds of numbers let an old
# span be found where it is, instead of being sought from the newest row downwards.


def _from(rows: _Rows, every: _Rows, number: str, moment: datetime) -> _Rows:
    first = _first_at(every, number, moment - _SKEW)
    return rows.filter(at__gte=moment, **({f"{number}__gte": first} if first else {}))


def _to(rows: _Rows, every: _Rows, number: str, moment: datetime) -> _Rows:
    first = _first_at(every, number, moment + _SKEW)
    return rows.filter(at__lt=moment, **({f"{number}__lte": first} if first else {}))


def _first_at(rows: _Rows, number: str, moment: datetime) -> int | None:
    """About the first number of that moment or later, found by halving: few looks, each at one row."""
    ends = rows.order_by().aggregate(low=Min(number), high=Max(number))
    low, high = ends["low"], ends["high"]
    if low is None:
        return None
    while low < high:
        middle = (low + high) // 2
        near = rows.filter(**{f"{number}__gte": middle}).order_by(number)
        place, at = near.values_list(number, "at")[0]
        if at < moment:
            low = place + 1
        else:
            high = middle
    return int(low)


class KeysetChangeList(ChangeList):
    """Django's list with the filters of the admin's form, and pages by number."""

    model_admin: KeysetAdmin

    def get_filters_params(self, params: Any = None) -> Any:
        """The form's fields and the page are no lookups of the model."""
        found = super().get_filters_params(params)
        for name in (*self.model_admin.filters.base_fields, _BEFORE):
            found.pop(name, None)
        return found

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> _Rows:
        """The rows that the form asks for, newest first; none for a form with errors."""
        rows = super().get_queryset(request, exclude_parameters)
        self.form = self.model_admin.filters(request.GET)
        return self.form.narrow(rows) if self.form.is_valid() else rows.none()

    def get_results(self, request: HttpRequest) -> None:
        """One page: the rows below the number in the address, and whether there are older ones."""
        number = self.form.number()
        rows = self.queryset
        before = request.GET.get(_BEFORE, "")
        self.is_newest = not (before.isascii() and before.isdigit() and len(before) < 19)
        if not self.is_newest:
            rows = rows.filter(**{f"{number}__lt": int(before)})
        found = list(rows[: self.list_per_page + 1])
        shown = found[: self.list_per_page]
        self.newest_query = self.get_query_string(remove=[_BEFORE])
        self.older_query = ""
        if len(found) > len(shown):
            last = getattr(shown[-1], number)
            self.older_query = self.get_query_string({_BEFORE: last})
        self.form_query = self.newest_query.removeprefix("?")
        # What Django's own page and template look at.
        self.result_list = shown
        self.result_count = len(shown)
        self.full_result_count = None
        self.can_show_all = False
        self.multi_page = False
        self.paginator = Paginator(shown, self.list_per_page)
        self.show_admin_actions = False


class KeysetAdmin(ReadOnlyAdmin):
    """A read-only list by number. Subclasses name the form of their filters."""

    filters: type[SpanForm] = SpanForm
    change_list_template = "admin/teams/keyset_list.html"
    ordering = ("-pk",)
    sortable_by = ()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's list, with a title that asks for nothing."""
        title = capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list above."""
        return KeysetChangeList
