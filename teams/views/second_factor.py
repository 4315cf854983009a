"""allauth's pages of the second step, made to lead back to where somebody was on the way to."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.base.views import IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from teams.models import Membership, Role, User
from teams.second_factor import is_set_up

_GOAL = "second_factor_goal"
"""The session's word for the page that the person was on the way to."""


@method_decorator(login_required, name="dispatch")
@method_decorator(never_cache, name="dispatch")
class SetUpView(ActivateTOTPView):  # type: ignore[misc]  # allauth has no types
    """Show the QR code and its secret; the first code that fits switches the second step on."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Remember where to go on to, before allauth asks for the password once more."""
        goal = request.GET.get("next", "")
        if goal and url_has_allowed_host_and_scheme(goal, allowed_hosts={request.get_host()}):
            request.session[_GOAL] = goal
        if is_set_up(cast(User, request.user)):
            return redirect(request.session.pop(_GOAL, "") or "mfa_index")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form with who demands the second step, if anybody does."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        secret = context["form"].secret
        parts = [secret[start : start + 4] for start in range(0, len(secret), 4)]
        return {**context, **_demands(cast(User, self.request.user)), "secret": " ".join(parts)}

    def form_valid(self, form: Any) -> HttpResponseBase:
        """Switch it on. This session gave a code, too."""
        response: HttpResponseBase = super().form_valid(form)
        app = Authenticator.objects.get(user=self.request.user, type=Authenticator.Type.TOTP)
        record_authentication(self.request, self.request.user, "mfa", id=app.pk, type=app.type)
        return response


class OverviewView(IndexView):  # type: ignore[misc]  # allauth has no types
    """What is set up, and who demands it."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """allauth's facts and the demands."""
        user = cast(User, self.request.user)
        return {**super().get_context_data(**kwargs), **_demands(user)}


@method_decorator(never_cache, name="dispatch")
class CodesView(ViewRecoveryCodesView):  # type: ignore[misc]  # allauth has no types
    """The recovery codes that are left, and the way on."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """allauth's facts and where the person was on the way to."""
        goal = self.request.session.pop(_GOAL, "")
        return {**super().get_context_data(**kwargs), "goal": goal}


def _demands(user: User) -> dict[str, Any]:
    """Whether the admin needs the second step of this person, and which of their teams do."""
    owned = Membership.objects.filter(
        user=user, role=Role.OWNER, team__owners_need_2fa=True, team__closed_at=None
    )
    return {
        "admin_needs_it": settings.STAFF_NEED_2FA and user.is_staff,
        "teams_that_need_it": [membership.team for membership in owned.select_related("team")],
    }
