"""Starts a one-machine installation: prepares the data, then runs web, worker and sandbox."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.timezone import now

from config.backups import backup_before_migrating
from config.data_dir import publish_ports
from config.env import BASE_DIR
from config.management.commands import worker
from config.management.commands.seed_demo import demo_sign_in
from config.static_storage import collect_if_changed
from config.supervisor import Child, Supervisor
from generation.models import EngineLease
from teams.models import User

_READY_SECONDS = 60


class Command(BaseCommand):
    """The data folder was checked and locked by manage.py before Django started."""

    help = "Run Diptych on this machine: web server, worker and provider sandbox, on loopback."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, then supervise until told to stop."""
        started = time.monotonic()
        if not settings.EMBEDDED:
            raise CommandError(
                "`manage.py serve` runs the one-machine installation, and MODE is production; "
                "run `manage.py web` and `manage.py worker` instead."
            )
        if not _is_free(settings.PORT):
            raise CommandError(
                f"Port {settings.PORT} is taken by another program; "
                f"choose another one, for example PORT={settings.PORT + 1000} make run."
            )
        sandbox_port = _sandbox_port() if settings.SANDBOX else settings.SANDBOX_PORT
        publish_ports(port=settings.PORT, sandbox_port=sandbox_port)
        self._echo("Starting Diptych …")
        try:
            self._prepare()
        except KeyboardInterrupt:
            self._echo("Stopped while starting; the next start goes on from here.")
            sys.exit(130)
        supervisor = Supervisor(
            _children(),
            log_dir=settings.DATA_DIR / "logs",
            environment=os.environ | {"LOG_FORMAT": "json", "SANDBOX_PORT": str(sandbox_port)},
            echo=self._echo,
        )
        threading.Thread(
            target=self._announce, args=(supervisor, started, now(), sandbox_port), daemon=True
        ).start()
        code = supervisor.run()
        self._echo("Diptych has stopped.")
        sys.exit(code)

    def _echo(self, line: str) -> None:
        # A terminal that was closed must not take the installation down.
        with contextlib.suppress(OSError):
            self.stdout.write(line)
            self.stdout.flush()

    def _prepare(self) -> None:
        """Bring database and static files up to date; a second start finds nothing to do."""
        collect_if_changed()
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            if executor.loader.applied_migrations and not settings.DATABASE_URL:
                self._echo(f"Kept a backup first: {backup_before_migrating(settings.DATA_DIR)}")
            call_command("migrate", interactive=False, verbosity=0)
        # No migration makes it, so a start that was killed behind them would leave it missing for
        # good. Looks first, and has nothing to do where Redis is the cache.
        call_command("createcachetable", verbosity=0)
        if not User.objects.exists():
            call_command("seed_demo")
        connection.close()

    def _announce(
        self, supervisor: Supervisor, started: float, began: datetime, sandbox_port: int
    ) -> None:
        """Say where to go once every part answers."""
        sign_in = demo_sign_in()
        missing = "web"
        while time.monotonic() - started < _READY_SECONDS and not supervisor.is_stopping:
            missing = _missing_parts(began)
            if not missing:
                break
            time.sleep(0.1)
        connection.close()
        if supervisor.is_stopping:
            return
        if missing:
            self._echo(
                f"Diptych is not ready after {_READY_SECONDS} s (waiting for: {missing}). "
                f"The logs in {settings.DATA_DIR / 'logs'} say why."
            )
            return
        provider = (
            f"The sandbox on port {sandbox_port} stands in for the providers; nothing is paid."
            if settings.SANDBOX
            else "SellerPic, with the key you set. Jobs cost money."
        )
        rows = [
            ("Address", settings.BASE_URL),
            ("Sign in", sign_in or "with your account"),
            ("Data", f"{settings.DATA_DIR}  (logs in {settings.DATA_DIR / 'logs'})"),
            ("Providers", provider),
            ("Stop", "Ctrl-C"),
        ]
        self._echo(
            f"\nDiptych is ready ({time.monotonic() - started:.1f} s).\n\n"
            + "\n".join(f"  {name:<10} {text}" for name, text in rows)
            + "\n"
        )


def _children() -> list[Child]:
    """In the order in which they are stopped: work in hand is finished before its tools go."""

    def manage(name: str, drain_seconds: float) -> Child:
        return Child(name, [sys.executable, str(BASE_DIR / "manage.py"), name], drain_seconds)

    children = [manage("worker", worker.DRAIN_SECONDS), manage("web", 12)]
    return [*children, manage("sandbox", 10)] if settings.SANDBOX else children


def _is_free(port: int) -> bool:
    """Whether this machine lets us listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _sandbox_port() -> int:
    """The port the settings name, or a free one where nobody asked for that port."""
    if _is_free(settings.SANDBOX_PORT):
        return settings.SANDBOX_PORT
    if settings.SANDBOX_PORT != settings.PORT + 1:
        raise CommandError(
            f"Port {settings.SANDBOX_PORT} is taken by another program; "
            "set SANDBOX_PORT to a free one."
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _missing_parts(began: datetime) -> str:
    """Parts that are not ready yet, by /readyz; empty when all are.

    A sign of life that the worker of an earlier start left behind does not count.
    """
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.PORT}/readyz", timeout=5):
            return "" if EngineLease.objects.filter(beat_at__gte=began).exists() else "worker"
    except urllib.error.HTTPError as answer:
        with answer:
            try:
                parts = json.load(answer)["parts"]
            except (ValueError, KeyError):
                return "web"
        return ", ".join(name for name, state in parts.items() if state != "ok")
    except OSError:
        return "web"
