"""Puts a backup in the place of the present data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config import backups
from config.data_dir import is_running
from config.management.commands.backup import refuse_elsewhere


class Command(BaseCommand):
    """See config/backups.py."""

    help = "Restore an archive made by `backup`. What is there now is moved aside, not deleted."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """What to restore."""
        parser.add_argument("path", type=Path, help="the archive")

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore, while nothing runs."""
        refuse_elsewhere("restored")
        if is_running(settings.DATA_DIR):
            raise CommandError("Diptych is running with this data folder; stop it first.")
        try:
            aside = backups.restore(settings.DATA_DIR, options["path"])
        except backups.BackupError as error:
            raise CommandError(f"{error} Nothing was changed.") from error
        self.stdout.write(f"Restored {options['path']}.")
        if aside is not None:
            self.stdout.write(f"What was there before lies in {aside}.")
        # Jobs that waited when the backup was made may have been sent since. The archive may be of
        # an earlier version, whose tables the present code cannot read.
        call_command("migrate", interactive=False, verbosity=0)
        call_command("cancel_waiting", stdout=self.stdout)
