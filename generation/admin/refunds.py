"""Teams that want credits back for a result: the queue, and the page where one is decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from generation.admin.forms import RefundDecisionForm
from generation.models import RefundRequest
from generation.services.refunds import RefundRefused, decline_refund, grant_refund
from generation.views.rows import JobRow
from teams.admin import ReadOnlyAdmin
from teams.models import LedgerEntry, User

State = RefundRequest.State


class StateFilter(admin.SimpleListFilter):
    """Those that wait, unless others are asked for."""

    title = gettext_lazy("state")
    parameter_name = "state__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is beside those that wait."""
        decided = [(str(s.value), str(s.label)) for s in (State.GRANTED, State.DECLINED)]
        return [*decided, ("all", _("All"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Django's choices; the first one, without a value, is what waits."""
        first, *others = super().choices(changelist)
        is_open = self.value() in (None, State.OPEN)
        yield {**first, "selected": is_open, "display": str(State.OPEN.label)}
        yield from others

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[RefundRequest]
    ) -> QuerySet[RefundRequest]:
        """The chosen ones."""
        if self.value() == "all":
            return queryset
        return queryset.filter(state=self.value() or State.OPEN)


@admin.register(RefundRequest)
class RefundRequestAdmin(ReadOnlyAdmin):
    """The queue, longest waiting first, and the page of one request."""

    list_display = (
        "asked_at", "team", "result", "asked_by", "reason", "price", "state_words", "amount",
        "decided_by", "decided_at",
    )  # fmt: skip
    list_filter = (StateFilter,)
    search_fields = ("team__slug", "team__name", "=output__job__id", "asked_by__email")
    list_select_related = ("team", "output", "asked_by")
    ordering = ("asked_at",)

    @admin.display(description=gettext_lazy("result"))
    def result(self, request: RefundRequest) -> str:
        """Letter and job of the result."""
        return f"{request.output.letter} · {str(request.output.job_id)[:8]}"

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_words(self, request: RefundRequest) -> str:
        """How it stands."""
        return str(State(request.state).label)

    def get_urls(self) -> list[URLPattern]:
        """Django's pages and the decision."""
        own = path(
            "<uuid:refund_id>/decide/",
            self.admin_site.admin_view(require_POST(self.decide_view)),
            name="generation_refundrequest_decide",
        )
        return [own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The queue, under a name of its own."""
        title = {"title": gettext_lazy("Teams that want credits back")}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One request with the pictures it is about and, while it waits, the decision."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        wish = self._wish(object_id)
        if wish is None:
            return _gone(request)
        form = RefundDecisionForm(price=wish.price, initial={"amount": wish.price})
        return self._page(request, wish, form)

    def decide_view(self, request: HttpRequest, refund_id: Any) -> HttpResponse:
        """Decline, or credit back in two steps: a preview, then its confirmation."""
        if not may_refund(request):
            raise PermissionDenied
        wish = self._wish(str(refund_id))
        if wish is None:
            return _gone(request)
        declines = "decline" in request.POST
        form = RefundDecisionForm(request.POST, price=wish.price, declines=declines)
        operator = cast(User, request.user)
        if not form.is_valid() or "back" in request.POST:
            return self._page(request, wish, form)
        values = form.cleaned_data
        try:
            if declines:
                decline_refund(request=wish, by=operator, note=values["note"])
                messages.success(request, _("Declined. The team is told."))
            elif "confirm" in request.POST:
                grant_refund(
                    request=wish, by=operator, amount=values["amount"], note=values["note"]
                )
                text = ngettext(
                    "%(amount)d credit went back to %(team)s.",
                    "%(amount)d credits went back to %(team)s.",
                    values["amount"],
                )
                messages.success(request, text % {"amount": values["amount"], "team": wish.team})
            else:
                after = wish.team.credit_account.available + values["amount"]
                return self._page(request, wish, form, preview={**values, "after": after})
        except RefundRefused as refused:
            messages.error(request, str(refused))
            return redirect("admin:generation_refundrequest_change", wish.pk)
        return redirect("admin:generation_refundrequest_changelist")

    def _page(
        self,
        request: HttpRequest,
        wish: RefundRequest,
        form: RefundDecisionForm,
        preview: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Credits back for result %(letter)s") % {"letter": wish.output.letter},
            "wish": wish,
            "row": JobRow(wish.output.job),
            "account": wish.team.credit_account,
            "returned": _returned(wish),
            "form": form,
            "preview": preview,
            "may_decide": wish.state == State.OPEN and may_refund(request),
            "may_see_jobs": request.user.has_perm("generation.view_job"),
        }
        return TemplateResponse(request, "admin/generation/refunds/page.html", context)

    def _wish(self, object_id: str) -> RefundRequest | None:
        wishes = RefundRequest.objects.select_related(
            "team__credit_account", "asked_by", "output__asset", "output__job__product"
        ).prefetch_related("output__asset__renditions", "output__job__inputs__asset__renditions")
        try:
            return wishes.filter(pk=object_id).first()
        except ValidationError:
            return None


def _returned(wish: RefundRequest) -> int:
    """Credits of the result's job that came back so far, by whatever form."""
    back = LedgerEntry.objects.filter(
        account=wish.team.credit_account,
        job=str(wish.output.job_id),
        kind=LedgerEntry.Kind.REFUND,
    )
    return back.aggregate(credits=Sum("d_posted"))["credits"] or 0


def _gone(request: HttpRequest) -> HttpResponse:
    messages.warning(request, _("There is no such request."))
    return redirect("admin:generation_refundrequest_changelist")


def may_refund(request: HttpRequest) -> bool:
    """Whether this operator may credit back what jobs spent."""
    return request.user.has_perm("teams.refund_credits")
