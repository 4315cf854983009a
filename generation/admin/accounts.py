"""Provider accounts: the page of all providers, their keys and pauses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from generation.admin.inlines import PoolInline
from generation.admin.jobs import may_resolve
from generation.models import ProviderAccount
from generation.operators import changes
from generation.operators.changes import BalanceNotRead, KeyNotSaved, Trial, Verdict
from generation.operators.page import MOST_JOBS, label_of, read_page
from generation.operators.traffic import UNFINISHED
from generation.providers.keys import MOST_LETTERS
from teams.admin import ReadOnlyAdmin
from teams.models import User
from teams.templatetags.ui import credits as in_credits

_PAGE = "admin:generation_provideraccount_page"


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ReadOnlyAdmin):
    """Accounts at providers: rows to look at, and the page that says how they fare."""

    list_display = (
        "provider", "base_url", "is_sandbox", "is_paused", "closed_until", "closed_reason",
        "balance_remaining", "balance_at", "presets_synced_at", "presets_error",
    )  # fmt: skip
    inlines = (PoolInline,)
    change_list_template = "admin/generation/provideraccount/change_list.html"
    change_form_template = "admin/generation/provideraccount/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """Django's pages, the page of all providers, and what can be done there."""
        posts: dict[str, Callable[..., HttpResponse]] = {
            "key": self.key_view,
            "remove-key": self.remove_key_view,
            "balance": self.balance_view,
            "pause": self.pause_view,
            "resume": self.resume_view,
            "try": self.try_view,
        }
        own = [
            path(
                f"<int:account_id>/{name}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"generation_provideraccount_{name.replace('-', '_')}",
            )
            for name, view in posts.items()
        ]
        page = path(
            "page/",
            self.admin_site.admin_view(self.page_view),
            name="generation_provideraccount_page",
        )
        return [page, *own, *super().get_urls()]

    def page_view(self, request: HttpRequest) -> HttpResponse:
        """Every account with its state, key, traffic, silent jobs and costs."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("Providers"),
            "opts": self.opts,
            "page": read_page(now()),
            "states": UNFINISHED,
            "most_jobs": MOST_JOBS,
            "most_letters": MOST_LETTERS,
            "may_change": _may_change(request),
            "may_see_jobs": request.user.has_perm("generation.view_job"),
            "may_see_reports": request.user.has_perm("generation.view_reconciliation"),
            "may_resolve": may_resolve(request),
        }
        return TemplateResponse(request, "admin/generation/providers/page.html", context)

    @method_decorator(sensitive_post_parameters("key"))
    @method_decorator(sensitive_variables())
    def key_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """Try a key, store it, and say what the provider told."""
        account, operator = _account_to_change(request, account_id)
        try:
            trial = changes.save_key(
                account,
                request.POST.get("key", ""),
                by=operator,
                replace=request.POST.get("replace") == "on",
                even_if_refused=request.POST.get("even_if_refused") == "on",
            )
        except KeyNotSaved as exc:
            messages.error(request, str(exc))
        else:
            level = messages.SUCCESS if trial.verdict is Verdict.WORKS else messages.WARNING
            messages.add_message(request, level, _words(trial, label_of(account)))
        return _back(account)

    def remove_key_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """Forget the stored key."""
        account, operator = _account_to_change(request, account_id)
        if changes.remove_key(account, by=operator):
            messages.success(request, _("The stored key was removed."))
        else:
            messages.info(request, _("There was no stored key."))
        return _back(account)

    def balance_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """Ask the provider for the balance now."""
        account, _operator = _account_to_change(request, account_id)
        words = {"account": label_of(account)}
        try:
            balance = changes.read_balance(account)
        except BalanceNotRead as exc:
            reason = {**words, "reason": str(exc)}
            messages.error(
                request, _("The balance at %(account)s was not read: %(reason)s") % reason
            )
        else:
            left = {**words, "credits": in_credits(balance.remaining)}
            messages.success(request, _("%(credits)s left at %(account)s.") % left)
        return _back(account)

    def pause_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """Send nothing more to the account."""
        account, operator = _account_to_change(request, account_id)
        changes.pause(account, by=operator)
        messages.success(
            request,
            _("%(account)s is paused. What it has is still collected.")
            % {"account": label_of(account)},
        )
        return _back(account)

    def resume_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """Send to the account again."""
        account, operator = _account_to_change(request, account_id)
        changes.resume(account, by=operator)
        messages.success(
            request, _("%(account)s takes jobs again.") % {"account": label_of(account)}
        )
        return _back(account)

    def try_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """Let the next job try a closed account now."""
        account, operator = _account_to_change(request, account_id)
        changes.try_now(account, by=operator)
        messages.success(
            request, _("The next job tries %(account)s now.") % {"account": label_of(account)}
        )
        return _back(account)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The rows, under a name that tells them from the page."""
        title = {"title": gettext_lazy("Provider accounts, row by row")}
        return super().changelist_view(request, {**title, **(extra_context or {})})


def _may_change(request: HttpRequest) -> bool:
    return request.user.has_perm("generation.change_provideraccount")


def _account_to_change(request: HttpRequest, account_id: int) -> tuple[ProviderAccount, User]:
    if not _may_change(request):
        raise PermissionDenied
    return get_object_or_404(ProviderAccount, pk=account_id), cast(User, request.user)


def _back(account: ProviderAccount) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse(_PAGE)}#account-{account.pk}")


def _words(trial: Trial, label: str) -> str:
    """What became of a key that was stored."""
    words: dict[str, Any] = {"provider": label, "reason": trial.reason}
    if trial.verdict is Verdict.REFUSED:
        return _("The key was stored although it does not work: %(reason)s") % words
    if trial.verdict is Verdict.UNANSWERED:
        return _("The key was stored and could not be tried: %(reason)s") % words
    if trial.balance is None:
        return _("The key was stored and works, but: %(reason)s") % words
    words["credits"] = trial.balance.remaining
    return _("The key was stored and works; %(credits)s credits are left at %(provider)s.") % words
