"""Prices: the table of what teams pay beside what providers charge, and the rules behind it."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from generation.admin.forms import PriceRuleForm
from generation.models import PriceRule
from generation.operators.price_rules import RuleRefused, add_rule, check_rule, withdraw_rule
from generation.operators.price_table import label_of, moves_of, read_prices, words_of
from teams.admin import ReadOnlyAdmin
from teams.models import User

_PAGE = "admin:generation_pricerule_page"


@admin.register(PriceRule)
class PriceRuleAdmin(ReadOnlyAdmin):
    """Rules of all times to look at, the table of prices, and the form for a new rule."""

    list_display = (
        "effective_at", "offer_words", "rule_words", "reason", "actor", "created_at",
        "withdrawn_at",
    )  # fmt: skip
    search_fields = ("offer", "reason", "actor")
    change_list_template = "admin/generation/prices/change_list.html"

    @admin.display(description=gettext_lazy("for"), ordering="offer")
    def offer_words(self, rule: PriceRule) -> str:
        """Whose price it tells."""
        return label_of(rule.offer)

    @admin.display(description=gettext_lazy("price"))
    def rule_words(self, rule: PriceRule) -> str:
        """What it says."""
        return words_of(rule)

    def get_urls(self) -> list[URLPattern]:
        """Django's pages, the table of prices, and what can be done there."""
        view = self.admin_site.admin_view
        own = [
            path("page/", view(self.page_view), name="generation_pricerule_page"),
            path("new/", view(self.new_view), name="generation_pricerule_new"),
            path(
                "<int:rule_id>/withdraw/",
                view(require_POST(self.withdraw_view)),
                name="generation_pricerule_withdraw",
            ),
        ]
        return [*own, *super().get_urls()]

    def page_view(self, request: HttpRequest) -> HttpResponse:
        """Every offer with its prices now, and the rules that count or will."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = self._context(request, _("Prices")) | {
            "page": read_prices(now()),
            "may_set": may_set(request),
        }
        return TemplateResponse(request, "admin/generation/prices/page.html", context)

    def new_view(self, request: HttpRequest) -> HttpResponse:
        """Add a rule in two steps: the form, then what it would change, to confirm."""
        if not may_set(request):
            raise PermissionDenied
        initial = {"offer": request.GET.get("offer", ""), "figure": 100}
        form = PriceRuleForm(request.POST if request.method == "POST" else None, initial=initial)
        context = self._context(request, _("New rule about prices")) | {"form": form}
        if request.method == "POST" and form.is_valid() and "back" not in request.POST:
            at = now()
            rule = form.rule(at)
            try:
                if "confirm" in request.POST:
                    return self._add(request, form)
                check_rule(rule, at)
            except RuleRefused as refused:
                form.add_error(refused.field or None, refused.sentence)
            else:
                context |= {"rule": rule, "moves": moves_of(rule, rule.effective_at)}
        return TemplateResponse(request, "admin/generation/prices/new.html", context)

    def withdraw_view(self, request: HttpRequest, rule_id: int) -> HttpResponse:
        """Take back a rule of the future."""
        if not may_set(request):
            raise PermissionDenied
        rule = get_object_or_404(PriceRule, pk=rule_id)
        try:
            withdraw_rule(rule=rule, by=cast(User, request.user))
        except RuleRefused as refused:
            messages.error(request, refused.sentence)
        else:
            messages.success(request, _("The rule was withdrawn. It never counted."))
        return redirect(_PAGE)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The rows, under a name that tells them from the page."""
        title = {"title": gettext_lazy("Rules about prices, row by row")}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def _add(self, request: HttpRequest, form: PriceRuleForm) -> HttpResponse:
        rule = add_rule(**form.terms, by=cast(User, request.user))
        words = {"offer": label_of(rule.offer), "rule": words_of(rule)}
        messages.success(request, _("Added. %(offer)s: %(rule)s.") % words)
        return redirect(_PAGE)

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "title": title, "opts": self.opts}


def may_set(request: HttpRequest) -> bool:
    """Whether this operator may add and withdraw rules about prices."""
    return request.user.has_perm("generation.add_pricerule")
