"""Django's registration of the app: its checks, and the ledger's triggers around `migrate`."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate


class TeamsConfig(AppConfig):
    """See the package docstring."""

    name = "teams"

    def ready(self) -> None:
        """Register the checks and keep the ledger's triggers over migrations."""
        from teams import checks, second_factor  # noqa: F401  (register themselves)

        pre_migrate.connect(lift_triggers, sender=self)
        post_migrate.connect(install_triggers, sender=self)


def lift_triggers(*, using: str, plan: list[Any], **kwargs: Any) -> None:
    """Take SQLite's triggers away while migrations run.

    To change a table SQLite remakes it under another name, and refuses the renaming while a trigger
    of a second table still names the first. PostgreSQL alters tables under their triggers.
    """
    from teams import ledger_triggers

    connection = connections[using]
    if plan and connection.vendor == "sqlite":
        ledger_triggers.remove(connection)


def install_triggers(*, using: str, **kwargs: Any) -> None:
    """Put the triggers (back) where the ledger's tables are."""
    from teams import ledger_triggers

    connection = connections[using]
    if set(ledger_triggers.TABLES) <= set(connection.introspection.table_names()):
        ledger_triggers.install(connection)
