"""The admin as a whole: its names, and the one page by which everybody signs in."""

from __future__ import annotations

import allauth.account.admin
import allauth.mfa.admin  # noqa: F401  (both register what is unregistered below)
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy

from teams.second_factor import staff_missing_step

# People's addresses are edited with the people; allauth's own table of them only follows.
admin.site.unregister(EmailAddress)
# Secrets of second steps are nobody's to look at; an operator resets them at the person.
admin.site.unregister(Authenticator)

_sign_in = secure_admin_login(admin.site.login)
_has_permission = admin.site.has_permission


def has_permission(request: HttpRequest) -> bool:
    """Whether the person may enter the admin at all: an operator who took the second step."""
    return _has_permission(request) and not staff_missing_step(request)


def login(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    """The page by which everybody signs in, so that its rate limits hold for the admin, too.

    Operators without the second step are led to it, and from there to the page they asked for.
    """
    goal = request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(goal, allowed_hosts={request.get_host()}):
        goal = reverse("admin:index")
    if _has_permission(request) and (step := staff_missing_step(request, goal)):
        return redirect(step)
    response: HttpResponse = _sign_in(request)
    return response


admin.site.has_permission = has_permission  # type: ignore[method-assign]
admin.site.login = login  # type: ignore[method-assign]
admin.site.site_header = gettext_lazy("Diptych administration")
admin.site.site_title = gettext_lazy("Diptych")
admin.site.index_title = gettext_lazy("Operator's pages")
