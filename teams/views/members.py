"""The members page: who is in the team, as what, and who is invited."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from teams.access import Right, role_table, team_view
from teams.forms import InviteForm, roles_for
from teams.http import TeamRequest
from teams.models import Role
from teams.rates import rate_limited
from teams.services import (
    TeamRefused,
    change_role,
    invite_member,
    remove_member,
    resend_invitation,
    revoke_invitation,
)

INVITATIONS_PER_HOUR = 30
MEMBERS_PER_PAGE = 50
#: From this many on a team can be searched.
MANY_MEMBERS = 10
#: Pending invitations that are listed; those beyond are as old as can be.
INVITATIONS_LISTED = 100


@require_GET
@team_view(Right.MANAGE_TEAM)
def members_page(request: TeamRequest) -> HttpResponse:
    """Members with their roles: `?q=` finds some, `?after=` the next page. Pending invitations."""
    return _page(request, InviteForm(is_owner=_is_owner(request)))


@require_GET
@team_view()
def roles_page(request: TeamRequest) -> HttpResponse:
    """What each role may do in the team, for everybody in it."""
    context = {
        "team": request.team,
        "membership": request.membership,
        "role_names": Role.labels,
        "role_table": role_table(),
    }
    return TemplateResponse(request, "teams/roles.html", context)


@require_POST
@never_cache
@team_view(Right.INVITE)
def invitation_create(request: TeamRequest) -> HttpResponse:
    """Invite one person. Answers with the page itself: a link is shown once and kept nowhere."""
    form = InviteForm(request.POST, is_owner=_is_owner(request))
    if not form.is_valid():
        return _page(request, form, status=422)
    if rate_limited(request, "invite", INVITATIONS_PER_HOUR, 3600):
        form.add_error(None, _("Too many invitations in one hour. Try again later."))
        return _page(request, form, status=429)
    try:
        invitation, link = invite_member(
            team=request.team,
            by=request.user,
            email=form.cleaned_data["email"],
            role=form.cleaned_data["role"],
        )
    except TeamRefused as exc:
        form.add_error("email", exc.sentence)
        return _page(request, form, status=422)
    blank = InviteForm(is_owner=_is_owner(request))
    shown = link if invitation.link_shown else ""
    return _page(request, blank, invited=invitation, link=shown)


@require_POST
@never_cache
@team_view(Right.INVITE)
def invitation_resend(request: TeamRequest, invitation_id: int) -> HttpResponse:
    """Mail an invitation anew; like `invitation_create` it may show the new link, once."""
    invitation = get_object_or_404(request.team.invitations, pk=invitation_id)
    if rate_limited(request, "invite", INVITATIONS_PER_HOUR, 3600):
        messages.error(request, _("Too many invitations in one hour. Try again later."))
        return redirect("teams:members", request.team.slug)
    try:
        anew, link = resend_invitation(invitation=invitation, by=request.user)
    except TeamRefused as exc:
        messages.error(request, exc.sentence)
        return redirect("teams:members", request.team.slug)
    blank = InviteForm(is_owner=_is_owner(request))
    return _page(request, blank, invited=anew, link=link if anew.link_shown else "")


@require_POST
@team_view(Right.INVITE)
def invitation_revoke(request: TeamRequest, invitation_id: int) -> HttpResponse:
    """Take an open invitation back."""
    invitation = get_object_or_404(request.team.invitations, pk=invitation_id)
    if revoke_invitation(invitation=invitation, by=request.user):
        text = _("The invitation of %(email)s no longer works.")
        messages.success(request, text % {"email": invitation.email})
    else:
        messages.info(request, _("This invitation was already used or taken back."))
    return redirect("teams:members", request.team.slug)


@require_POST
@team_view(Right.MANAGE_TEAM)
def member_role(request: TeamRequest, membership_id: int) -> HttpResponse:
    """Give a member another role."""
    membership = get_object_or_404(
        request.team.memberships.select_related("user", "team"), pk=membership_id
    )
    role = request.POST.get("role", "")
    if role not in Role.values:
        messages.error(request, _("Choose one of the roles."))
        return redirect("teams:members", request.team.slug)
    try:
        change_role(membership=membership, by=request.user, role=role)
    except TeamRefused as exc:
        messages.error(request, exc.sentence)
    else:
        text = _("%(person)s is now: %(role)s.")
        named = {"person": membership.user.get_full_name(), "role": Role(role).label}
        messages.success(request, text % named)
    return _after_change(request)


@require_http_methods(["GET", "POST"])
@team_view(Right.MANAGE_TEAM)
def member_remove(request: TeamRequest, membership_id: int) -> HttpResponse:
    """Ask first, for browsers without scripts; a POST takes the member out of the team."""
    membership = get_object_or_404(
        request.team.memberships.select_related("user", "team"), pk=membership_id
    )
    if request.method == "GET":
        context = {"team": request.team, "member": membership}
        return TemplateResponse(request, "teams/member_remove.html", context)
    try:
        remove_member(membership=membership, by=request.user)
    except TeamRefused as exc:
        messages.error(request, exc.sentence)
    else:
        text = _("%(person)s is no longer in the team.")
        messages.success(request, text % {"person": membership.user.get_full_name()})
    return _after_change(request)


def _after_change(request: TeamRequest) -> HttpResponse:
    """Back to the members, or home for those who just took the page from themselves."""
    still = request.team.memberships.filter(user=request.user, role__in=[Role.OWNER, Role.ADMIN])
    return redirect("teams:members", request.team.slug) if still.exists() else redirect("home")


def _is_owner(request: TeamRequest) -> bool:
    return request.membership.role == Role.OWNER


def _page(
    request: TeamRequest, form: InviteForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    is_owner = _is_owner(request)
    pending = request.team.invitations.pending().select_related("invited_by")
    context = {
        "team": request.team,
        **_members(request),
        "invitations": pending[:INVITATIONS_LISTED],
        "form": form,
        "roles": roles_for(is_owner=is_owner),
        "role_names": Role.labels,
        "role_table": role_table(),
        "is_owner": is_owner,
        **more,
    }
    return TemplateResponse(request, "teams/members.html", context, status=status)


def _members(request: TeamRequest) -> dict[str, Any]:
    """A page of members by keyset: `?after=` names the last one of the page before."""
    everybody = request.team.memberships.by_rank()
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    found = everybody.matching(text) if text else everybody
    after = request.GET.get("after", "")
    last = None
    if after.isascii() and after.isdigit() and len(after) < 19:
        last = everybody.filter(pk=int(after)).first()
    page = list((found.after(last) if last else found)[: MEMBERS_PER_PAGE + 1])
    count = request.team.memberships.count()
    more = len(page) > MEMBERS_PER_PAGE
    page = page[:MEMBERS_PER_PAGE]
    return {
        "memberships": page,
        "member_count": count,
        "is_searchable": count >= MANY_MEMBERS,
        "q": text,
        "next_after": page[-1].pk if more else None,
        "is_first_page": last is None,
    }
