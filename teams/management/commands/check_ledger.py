"""manage.py check_ledger: recompute every balance from its entries."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from teams.ledger_check import find_differences


class Command(BaseCommand):
    """Names every difference, one per line; exit status 1 if there is one."""

    help = "Proves that every team's balance is the sum of its ledger. Exit status 1 if one is not."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Check triggers, balances, grants and jobs."""
        differences = find_differences()
        for difference in differences:
            self.stdout.write(difference)
        if differences:
            found = len(differences)
            raise CommandError(f"The ledger does not add up: {found} differences.", returncode=1)
        if options["verbosity"]:
            self.stdout.write("The ledger adds up.")
