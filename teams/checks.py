"""System checks: the ledger's triggers are in the database, and mail has somewhere to go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connections

from teams import ledger_triggers


@checks.register(checks.Tags.database)
def ledger_is_guarded(
    databases: Iterable[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Every database that holds the ledger has all its triggers (`check --database default`)."""
    found: list[checks.CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if not set(ledger_triggers.TABLES) <= set(connection.introspection.table_names()):
            continue  # Not migrated yet.
        if names := ledger_triggers.missing(connection):
            found.append(
                checks.Error(
                    f"The ledger is not guarded in the database {alias!r}: {', '.join(names)}.",
                    hint="Run `manage.py migrate`; it installs the triggers anew.",
                    id="teams.E001",
                )
            )
    return found


@checks.register(deploy=True)
def mail_has_somewhere_to_go(**kwargs: Any) -> list[checks.CheckMessage]:
    """Outside the embedded mode a mail server is named."""
    if settings.EMBEDDED or settings.EMAIL_HOST:
        return []
    return [
        checks.Warning(
            "EMAIL_HOST is not set: invitations and password resets wait in the outbox.",
            id="teams.W001",
        )
    ]
