"""The page behind an invitation's link: join with the account at hand, or make one."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from teams.forms import NewAccountForm
from teams.models import Invitation, Membership, User
from teams.rates import rate_limited
from teams.services import (
    InvitationInvalid,
    TeamRefused,
    accept_as_new_user,
    accept_invitation,
    find_invitation,
)

TRIES_PER_MINUTE = 20


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_post_parameters("password")
def invitation_accept(request: HttpRequest, secret: str) -> HttpResponse:
    """Show who invites to what; a POST joins, once, and leads into the team."""
    try:
        invitation = find_invitation(secret)
        if request.method == "GET":
            return _page(request, invitation, NewAccountForm(invitation=invitation))
        if isinstance(request.user, User):
            return _welcome(request, accept_invitation(secret=secret, user=request.user))
        return _join_as_new_user(request, secret, invitation)
    except InvitationInvalid:
        return TemplateResponse(request, "teams/invitation_invalid.html", status=404)


def _join_as_new_user(request: HttpRequest, secret: str, invitation: Invitation) -> HttpResponse:
    form = NewAccountForm(request.POST, invitation=invitation)
    if not form.is_valid():
        return _page(request, invitation, form, status=422)
    if rate_limited(request, "join", TRIES_PER_MINUTE, 60):
        form.add_error(None, _("Too many tries. Wait a minute, then try again."))
        return _page(request, invitation, form, status=429)
    try:
        membership = accept_as_new_user(
            secret=secret,
            name=form.cleaned_data["name"],
            password=form.cleaned_data["password"],
        )
    except TeamRefused as exc:
        form.add_error(None, exc.sentence)
        return _page(request, invitation, form, status=422)
    get_adapter(request).login(request, membership.user)
    return _welcome(request, membership)


def _welcome(request: HttpRequest, membership: Membership) -> HttpResponse:
    text = _("You are now a member of %(team)s.")
    messages.success(request, text % {"team": membership.team.name})
    return redirect("catalog:product_list", membership.team.slug)


def _page(
    request: HttpRequest, invitation: Invitation, form: NewAccountForm, status: int = 200
) -> HttpResponse:
    known = User.objects.filter(email__iexact=invitation.email).exists()
    context = {"invitation": invitation, "form": form, "has_account": known, "hide_sign_in": True}
    return TemplateResponse(request, "teams/invitation.html", context, status=status)
