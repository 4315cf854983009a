"""Runs the background work: a Celery worker with the engine inside."""

from __future__ import annotations

import argparse
import warnings
from typing import Any

from celery.exceptions import SecurityWarning
from django.conf import settings
from django.core.management.base import BaseCommand

from config import lifeline
from config.celery import app
from generation.engine.timing import Timing

#: A paid request is put together and waited for, then what was begun besides gets its moment: cut
#: off earlier, the request may have been taken and nobody would know.
DRAIN_SECONDS = Timing().order + Timing().submit + Timing().drain + 5


class Command(BaseCommand):
    """Runs until SIGTERM, which lets tasks in hand finish."""

    help = "Run a Celery worker; it runs the engine that drives jobs as well."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Choose queues and pool for larger installations."""
        parser.add_argument("--queues", default="default,media", help="queues to read from")
        parser.add_argument("--pool", default="threads", choices=["threads", "prefork", "solo"])
        parser.add_argument("--concurrency", type=int, default=settings.WORKER_CONCURRENCY)

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the worker."""
        lifeline.watch(grace_seconds=DRAIN_SECONDS)
        # Root is warned about because a pickled message could run code; ours are JSON alone.
        warnings.filterwarnings("ignore", category=SecurityWarning)
        if not settings.CELERY_BROKER_URL.startswith("files:"):
            memory_cap = (
                ["--max-memory-per-child", "600000"] if options["pool"] == "prefork" else []
            )
        else:
            settings.BROKER_DIR.mkdir(parents=True, exist_ok=True)
            memory_cap = []
        app.worker_main(
            [
                "--quiet",
                "worker",
                f"--pool={options['pool']}",
                f"--concurrency={options['concurrency']}",
                f"--queues={options['queues']}",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
                *memory_cap,
            ]
        )
