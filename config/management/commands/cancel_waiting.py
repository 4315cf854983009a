"""Cancels the jobs that wait to be sent, for use after a database was restored."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from generation.services.restored import cancel_waiting_jobs


class Command(BaseCommand):
    """See docs/operations.md, Backups. `restore` does it by itself."""

    help = "Cancel every job that was not sent yet, at no charge. Stop the workers first."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Cancel, and say how many."""
        count = cancel_waiting_jobs(actor="restore")
        if count == 1:
            self.stdout.write("1 waiting job was cancelled at no charge.")
        else:
            self.stdout.write(f"{count} waiting jobs were cancelled at no charge.")
