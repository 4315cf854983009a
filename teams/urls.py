"""Routes of people and teams. The account pages are in account_urls.py."""

from __future__ import annotations

from django.urls import path

from teams.views import invitations, members, profile
from teams.views import settings as team_settings
from teams.views.credits import credits_page

app_name = "teams"
urlpatterns = [
    path("me/", profile.profile, name="profile"),
    path("me/theme", profile.theme, name="theme"),
    path("invitations/<str:secret>/", invitations.invitation_accept, name="invitation"),
    path("t/<slug:team_slug>/credits/", credits_page, name="credits"),
    path("t/<slug:team_slug>/settings/", team_settings.team_settings, name="settings"),
    path("t/<slug:team_slug>/leave/", team_settings.team_leave, name="leave"),
    path("t/<slug:team_slug>/members/", members.members_page, name="members"),
    path("t/<slug:team_slug>/members/invite", members.invitation_create, name="invitation_create"),
    path(
        "t/<slug:team_slug>/members/invitations/<int:invitation_id>/revoke",
        members.invitation_revoke,
        name="invitation_revoke",
    ),
    path(
        "t/<slug:team_slug>/members/<int:membership_id>/role",
        members.member_role,
        name="member_role",
    ),
    path(
        "t/<slug:team_slug>/members/<int:membership_id>/remove",
        members.member_remove,
        name="member_remove",
    ),
]
