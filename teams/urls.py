"""Routes of people and teams. The account pages are in account_urls.py."""

from __future__ import annotations

from django.urls import path

from teams.views import audit, budgets, invitations, members, profile, requests
from teams.views import settings as team_settings

app_name = "teams"
urlpatterns = [
    path("me/", profile.profile, name="profile"),
    path("me/theme", profile.theme, name="theme"),
    path("invitations/<str:secret>/", invitations.invitation_accept, name="invitation"),
    path("t/<slug:team_slug>/credits/budgets/", budgets.credits_budgets, name="credits_budgets"),
    path(
        "t/<slug:team_slug>/credits/budgets/save",
        budgets.credits_budgets_save,
        name="credits_budgets_save",
    ),
    path(
        "t/<slug:team_slug>/credits/notices/dismiss",
        budgets.credits_notice_dismiss,
        name="credits_notice_dismiss",
    ),
    path(
        "t/<slug:team_slug>/credits/requests/", requests.credits_requests, name="credits_requests"
    ),
    path(
        "t/<slug:team_slug>/credits/requests/new",
        requests.credits_request_create,
        name="credits_request_create",
    ),
    path(
        "t/<slug:team_slug>/credits/requests/<uuid:request_id>/decide",
        requests.credits_request_decide,
        name="credits_request_decide",
    ),
    path(
        "t/<slug:team_slug>/credits/requests/<uuid:request_id>/withdraw",
        requests.credits_request_withdraw,
        name="credits_request_withdraw",
    ),
    path("t/<slug:team_slug>/settings/", team_settings.team_settings, name="settings"),
    path("t/<slug:team_slug>/leave/", team_settings.team_leave, name="leave"),
    path("t/<slug:team_slug>/close/", team_settings.team_close, name="close"),
    path("t/<slug:team_slug>/roles/", members.roles_page, name="roles"),
    path("t/<slug:team_slug>/audit/", audit.audit_page, name="audit"),
    path("t/<slug:team_slug>/members/", members.members_page, name="members"),
    path("t/<slug:team_slug>/members/invite", members.invitation_create, name="invitation_create"),
    path(
        "t/<slug:team_slug>/members/invitations/<int:invitation_id>/revoke",
        members.invitation_revoke,
        name="invitation_revoke",
    ),
    path(
        "t/<slug:team_slug>/members/invitations/<int:invitation_id>/resend",
        members.invitation_resend,
        name="invitation_resend",
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
