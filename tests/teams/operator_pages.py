"""What the tests of the operator's pages about credits share."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client

from teams.credits import grant, hold, settle
from teams.models import AuditEntry, LedgerEntry, Team, User

PASSWORD = "correct horse battery"


def make_operator(email: str, *permissions: str) -> User:
    """A member of staff who may see teams, and what is named."""
    operator = User.objects.create_user(email, PASSWORD, is_staff=True)
    names = ("view_team", *permissions)
    operator.user_permissions.set(Permission.objects.filter(codename__in=names))
    return operator


def give(team: Team, amount: int, **more: Any) -> None:
    """Credits without a form."""
    grant(team=team, amount=amount, actor="x", reason="Start", key=str(uuid.uuid4()), **more)


def spend(team: Team, amount: int, job: str, *, captured: int | None = None) -> None:
    """Hold and settle a job's price."""
    with transaction.atomic():
        hold(team=team, member=None, amount=amount, job=job, actor="x", price_version="1")
        settle(
            team=team,
            held=amount,
            captured=amount if captured is None else captured,
            job=job,
            actor="engine",
            price_version="1",
        )


def available(team: Team) -> int:
    team.credit_account.refresh_from_db()
    return team.credit_account.available


def moved() -> list[tuple[str, int]]:
    """Kind and credits of every entry, in order."""
    return list(LedgerEntry.objects.order_by("pk").values_list("kind", "d_posted"))


def audited() -> list[tuple[str, str]]:
    """Action and actor of the newest entries about credits."""
    rows = AuditEntry.objects.filter(action__startswith="credits.").order_by("pk")
    return list(rows.values_list("action", "actor"))


def told(client: Client, path: str) -> list[str]:
    """The messages that a page shows."""
    return [str(message) for message in client.get(path).context["messages"]]


def key() -> str:
    return str(uuid.uuid4())
