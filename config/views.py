"""Pages of no app: home, health, and what people see when something is wrong."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from celery import current_app
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import (
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.csrf import requires_csrf_token

from catalog.storage import storage
from config import logs
from generation.engine.heartbeat import worker_is_alive
from teams.access import TeamStandsStill
from teams.models import Team

logger = logging.getLogger(__name__)

#: How long an answer of /readyz is kept. A start waits for it to turn, so a bad one is kept shorter.
READY_SECONDS, DOWN_SECONDS = 5.0, 1.0


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Lead to the person's first team, or say that they are in none yet."""
    assert request.user.is_authenticated  # noqa: S101 (login_required saw to it)
    team = Team.objects.for_user(request.user).first()
    if team is not None:
        return redirect(team)
    return render(request, "home.html")


# --- Health -----------------------------------------------------------------------------------


def healthz(request: HttpRequest) -> HttpResponse:
    """Whether this process answers. Restart it when it does not."""
    return _uncached(HttpResponse("ok\n", content_type="text/plain"))


def readyz(request: HttpRequest) -> HttpResponse:
    """Whether every part works: 200, or 503 with the parts that do not. Tells no secrets.

    Anybody may ask, so a process looks every few seconds at most, once for all who ask meanwhile.
    """
    states = _readiness.states()
    ready = _all_ok(states)
    response = JsonResponse({"ready": ready, "parts": states}, status=200 if ready else 503)
    response._has_been_logged = True  # type: ignore[attr-defined] # Probes repeat, errors do not.
    return _uncached(response)


class _Readiness:
    """What this process found when it last looked at the parts."""

    def __init__(self) -> None:
        self.clock = time.monotonic
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Look anew at the next question."""
        self._states: dict[str, str] = {}
        self._until = 0.0

    def states(self) -> dict[str, str]:
        """The state of each part, as old as READY_SECONDS or, while one is down, DOWN_SECONDS."""
        with self._lock:
            if self.clock() >= self._until:
                self._states = {name: _state_of(name, check) for name, check in _parts().items()}
                lasts = READY_SECONDS if _all_ok(self._states) else DOWN_SECONDS
                self._until = self.clock() + lasts
            return self._states


_readiness = _Readiness()


def _parts() -> dict[str, Callable[[], None]]:
    return {
        "database": _check_database,
        "broker": _check_broker,
        "storage": _check_storage,
        "worker": _check_worker,
    }


def _all_ok(states: dict[str, str]) -> bool:
    return all(state == "ok" for state in states.values())


def _state_of(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:  # Whatever a part raises, the answer is that it is down.
        logger.info("The %s is not ready: %s", name, error)
        return "down"
    return "ok"


def _check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _check_broker() -> None:
    if settings.CELERY_BROKER_URL.startswith("files:"):
        settings.BROKER_DIR.mkdir(parents=True, exist_ok=True)
        if not os.access(settings.BROKER_DIR, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError("The broker's folder cannot be written.")
        return
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=2)


def _check_storage() -> None:
    storage().check()


def _check_worker() -> None:
    if not worker_is_alive():
        raise RuntimeError("No worker is running.")


def _uncached(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response


# --- Errors -----------------------------------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400, or 413 when the request was larger than the server takes."""
    too_large = RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
    return _error(request, 413 if isinstance(exception, too_large) else 400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403, with the reason where the code gave one that people can read."""
    heading = exception.heading if isinstance(exception, TeamStandsStill) else ""
    return _error(request, 403, str(exception or ""), heading=heading)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404. It tells nothing about what exists for others."""
    return _error(request, 404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without a valid token: most often an old page or blocked cookies.

    Scripts get one sentence; `X-Stale-Page` tells htmx's handler in app.js to offer a reload.
    """
    stale = _("This page is out of date. Reload it.")
    if request.headers.get("HX-Request"):
        plain = HttpResponse(stale, status=403, content_type="text/plain; charset=utf-8")
        plain["X-Stale-Page"] = "1"
        return plain
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"error": stale}, status=403)
    return _error(request, 403, template="csrf.html")


@requires_csrf_token
def server_error(request: HttpRequest) -> HttpResponse:
    """500, made without the database, the session or the person: any of them may be what broke."""
    context = {"request_id": logs.request_id.get(), "reason": ""}
    try:
        page: str = render_to_string("500.html", context)
    except Exception:  # The page of last resort must not fail as well.
        logger.exception("The error page itself failed.")
        page = (
            "<!doctype html><html lang=en><title>Error</title>"
            f"<h1>Something went wrong</h1><p>Reference: {context['request_id']}</p></html>"
        )
    return HttpResponse(page, status=500)


def _error(
    request: HttpRequest, status: int, reason: str = "", template: str = "", heading: str = ""
) -> HttpResponse:
    """Render `<status>.html` in the shell, with the reason and the request's id."""
    return render(
        request,
        template or f"{status}.html",
        {"reason": reason, "heading": heading, "request_id": logs.request_id.get()},
        status=status,
    )
