"""What operators change of teams and people by Django's own forms stands in the audit trail."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from teams.models import AuditEntry, User


@pytest.fixture
def operator(db) -> User:
    return User.objects.create_superuser("operator@example.com", "correct horse battery")


def test_what_an_operator_changes_of_a_team_is_recorded_and_nothing_else_written(
    client, operator, team
):
    client.force_login(operator)
    form = {"name": "Atelier Nord", "slug": "atelier", "time_zone": "Asia/Tokyo"}

    with CaptureQueriesContext(connection) as queries:
        assert client.post(f"/admin/teams/team/{team.pk}/change/", form).status_code == 302

    entry = AuditEntry.objects.get(action="team.changed")
    assert (entry.actor, entry.team, entry.address) == (operator.email, team, "127.0.0.1")
    assert entry.data == {
        "name": "Atelier Nord",
        "former_name": "Atelier",
        "time_zone": "Asia/Tokyo",
        "former_time_zone": "UTC",
    }
    (written,) = [row["sql"] for row in queries if row["sql"].startswith('UPDATE "teams_team"')]
    assert "suspended_at" not in written, "it may have been suspended since it was read"
    client.post(f"/admin/teams/team/{team.pk}/change/", form)
    assert AuditEntry.objects.filter(action="team.changed").count() == 1, "nothing changed"


def test_who_makes_somebody_an_operator_or_sets_a_password_is_recorded(client, operator, alice):
    client.force_login(operator)
    form = {"email": alice.email, "name": "Alice", "theme": "system", "is_active": "1"}

    answer = client.post(f"/admin/teams/user/{alice.pk}/change/", {**form, "is_staff": "1"})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    new = {"password1": "quite another horse", "password2": "quite another horse"}
    client.post(f"/admin/teams/user/{alice.pk}/password/", new)

    password, staff = AuditEntry.objects.filter(action="person.changed").order_by("-pk")
    assert (staff.actor, staff.subject, staff.address) == (operator.email, alice.email, "127.0.0.1")
    assert (staff.data["is_staff"], staff.data["is_superuser"]) == (True, False)
    assert "Operator" in staff.data["what"]
    assert password.data["what"] == "Changed password."
