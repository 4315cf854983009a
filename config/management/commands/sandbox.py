"""Runs the emulated providers beside the web server and the worker."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import lifeline
from sandbox.server import run


class Command(BaseCommand):
    """Runs until SIGTERM or SIGINT."""

    help = "Run the provider sandbox on loopback, with its data in DATA_DIR/sandbox."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve the providers' APIs."""
        lifeline.watch()
        try:
            run(
                "127.0.0.1",
                settings.SANDBOX_PORT,
                str(settings.DATA_DIR / "sandbox"),
                settings.SANDBOX_SPEED,
                lambda url: logging.getLogger("sandbox").info("The sandbox is ready at %s", url),
            )
        except OSError as error:
            raise CommandError(
                f"The sandbox cannot listen on port {settings.SANDBOX_PORT}: {error.strerror}."
            ) from error
