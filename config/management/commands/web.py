"""Serves the pages: gunicorn in this process, with as many workers and threads as the settings say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver
from gunicorn import glogging
from gunicorn.app.base import BaseApplication

from config import lifeline


class Command(BaseCommand):
    """Runs until SIGTERM or SIGINT."""

    help = "Run the web server (gunicorn) with the settings' address, processes and threads."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Bind the port and serve."""
        lifeline.watch()
        host = "127.0.0.1" if settings.EMBEDDED else settings.WEB_BIND
        WebServer(
            {
                "bind": f"{host}:{settings.PORT}",
                "workers": settings.WEB_WORKERS,
                "worker_class": "gthread",
                "threads": settings.WEB_THREADS,
                "timeout": 60,
                "graceful_timeout": 10,
                "keepalive": 5,
                # A slow disk under the heartbeat file would make gunicorn kill healthy workers.
                "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108
                # The access line comes from config/middleware.py, with the request's id.
                "accesslog": None,
                "logger_class": Logger,
                "control_socket_disable": True,
                "proc_name": "diptych-web",
                "post_fork": _after_fork,
                # Behind TRUSTED_PROXY_COUNT proxies Django reads the forwarded headers itself.
                "forwarded_allow_ips": "",
            }
        ).run()


class WebServer(BaseApplication):  # type: ignore[misc]
    """Gunicorn with settings from here instead of a command line."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn."""
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Called by gunicorn in each worker; the routes are read before the first request."""
        application = get_wsgi_application()
        get_resolver().url_patterns  # noqa: B018
        return application


class Logger(glogging.Logger):  # type: ignore[misc]
    """Hands gunicorn's words to Django's logging, so that they look like all other lines."""

    def setup(self, cfg: Any) -> None:
        """Called by gunicorn instead of installing its own handlers."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.propagate = True
        self.access_log.propagate = True


def _after_fork(arbiter: Any, worker: Any) -> None:
    """Threads do not survive a fork: each worker watches the supervisor by itself."""
    if os.environ.get(lifeline.VARIABLE):
        lifeline.watch()
