"""Writes a backup of a one-machine installation while it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import backups


class Command(BaseCommand):
    """See config/backups.py."""

    help = "Write database, pictures and settings into one archive (SQLite and local files)."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Where to."""
        parser.add_argument("path", nargs="?", type=Path, help="default: DATA_DIR/backups/<time>")

    def handle(self, *args: Any, **options: Any) -> None:
        """Back up, or name the tools that do where the data lies elsewhere."""
        refuse_elsewhere("backed up")
        path = options["path"]
        if path is None:
            path = settings.DATA_DIR / "backups" / f"diptych-{backups.stamp()}.tar.gz"
        try:
            backups.backup(settings.DATA_DIR, path)
        except backups.BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{path} ({path.stat().st_size / 1024**2:.1f} MB)")
        if settings.S3_BUCKET:
            self.stdout.write("The pictures lie in the S3 bucket and are not part of it.")


def refuse_elsewhere(done: str) -> None:
    """Raise CommandError where the database is not ours to copy."""
    if settings.DATABASE_URL:
        raise CommandError(
            f"The database is PostgreSQL, which is {done} by its own tools: pg_dump --format=custom "
            "and pg_restore (see docs/operations.md)."
        )
