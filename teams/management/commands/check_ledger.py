"""manage.py check_ledger: recompute every balance from its entries."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from teams import ledger_triggers
from teams.ledger_check import find_differences


class Command(BaseCommand):
    """Names every difference, one per line; exit status 1 if there is one."""

    help = "Proves that every team's balance is the sum of its ledger. Exit status 1 if one is not."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Check triggers and balances."""
        found = 0
        for name in ledger_triggers.missing(connection):
            found += 1
            self.stdout.write(f"The trigger {name} is missing: run `manage.py migrate`.")
        for difference in find_differences():
            found += 1
            self.stdout.write(difference)
        if found:
            raise CommandError(f"The ledger does not add up: {found} differences.", returncode=1)
        if options["verbosity"]:
            self.stdout.write("The ledger adds up.")
