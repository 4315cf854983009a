"""The forms that found a team and name an owner for one that nobody owns."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _

from teams.forms import CreateTeamForm, OwnerForm
from teams.models import Role, Team, User
from teams.services import (
    Founding,
    TeamRefused,
    create_team_for,
    name_owner,
    send_welcome,
)


def found_view(request: HttpRequest) -> HttpResponse:
    """Found a team through the same service as everywhere: owner, account, audit."""
    if not request.user.has_perm("teams.add_team"):
        raise PermissionDenied
    form = CreateTeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            with transaction.atomic():
                founding = create_team_for(
                    name=data["name"],
                    slug=data["slug"],
                    owner_email=data["owner_email"],
                    actor=cast(User, request.user),
                )
                _welcome(founding)
        except TeamRefused as exc:
            form.add_error("slug", exc.sentence)
        else:
            text = _("The team %(team)s was added.")
            messages.success(request, text % {"team": founding.team})
            _tell_how_in(request, founding)
            return redirect("admin:teams_team_change", founding.team.pk)
    context = _context(request, _("Add team"), form)
    return TemplateResponse(request, "admin/teams/team/add.html", context)


def owner_view(request: HttpRequest, team_id: Any) -> HttpResponse:
    """Name the owner of a team that has none, as when nobody took its invitation in time."""
    if not request.user.has_perm("teams.change_team"):
        raise PermissionDenied
    team = get_object_or_404(Team, pk=team_id)
    last = team.invitations.filter(role=Role.OWNER).first()
    form = OwnerForm(request.POST or None, initial={"owner_email": last.email if last else ""})
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                founding = name_owner(
                    team=team,
                    owner_email=form.cleaned_data["owner_email"],
                    actor=cast(User, request.user),
                )
                _welcome(founding)
        except TeamRefused as exc:
            form.add_error(None, exc.sentence)
        else:
            if founding.owner:
                text = _("%(person)s owns the team now.")
                messages.success(request, text % {"person": founding.owner})
            _tell_how_in(request, founding)
            return redirect("admin:teams_team_change", team.pk)
    context = _context(request, _("Name an owner of %(team)s") % {"team": team}, form)
    context |= {"team": team, "state": why_unowned(team)}
    return TemplateResponse(request, "admin/teams/team/owner.html", context)


def why_unowned(team: Team) -> str:
    """What became of the last invitation to own a team that nobody owns."""
    last = team.invitations.filter(role=Role.OWNER).first()
    if last is None:
        return _("Nobody owns this team.")
    is_open = last.revoked_at is None and last.expires_at > now()
    text = (
        _("Nobody owns this team yet: %(email)s was invited and can accept until %(day)s.")
        if is_open
        else _("Nobody owns this team: the invitation of %(email)s ended on %(day)s.")
    )
    day = date_format(localtime(min(last.expires_at, last.revoked_at or last.expires_at)))
    return text % {"email": last.email, "day": day}


def _welcome(founding: Founding) -> None:
    if founding.owner and founding.needs_password:
        send_welcome(user=founding.owner, team=founding.team)


def _tell_how_in(request: HttpRequest, founding: Founding) -> None:
    if founding.owner is None:
        text = _(
            "The owner's account never proved its address, so an invitation to own the team was "
            "mailed there."
        )
        messages.warning(request, text)
    if founding.invitation_link:
        text = _("No mail server is set. Hand on this link: %(link)s")
        messages.warning(request, text % {"link": founding.invitation_link})


def _context(request: HttpRequest, title: str, form: forms.Form) -> dict[str, Any]:
    return {
        **admin.site.each_context(request),
        "opts": Team._meta,
        "title": title,
        "form": form,
    }
