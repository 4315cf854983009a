"""What happens around every request: its id and log line, health answers, sign-in from fragments."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect

from config import logs, views

logger = logging.getLogger("diptych.request")

GetResponse = Callable[[HttpRequest], HttpResponse]

#: What a proxy or a client may hand in as a request's id.
_SANE_ID = re.compile(r"\A[A-Za-z0-9._-]{8,64}\Z")
_HEALTH = {"/healthz": views.healthz, "/readyz": views.readyz}


class RequestContextMiddleware:
    """Gives every request an id, returns it as X-Request-ID, and logs one line per request."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _SANE_ID.match(given) else uuid.uuid4().hex
        token = logs.request_id.set(request_id)
        started = time.perf_counter()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            if not request.path.startswith((settings.STATIC_URL, *_HEALTH)):
                _log_request(request, response, time.perf_counter() - started)
            return response
        finally:
            logs.request_id.reset(token)


def _log_request(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """Write the access log's line. The query is left out: it may carry what people typed."""
    match = request.resolver_match
    logger.info(
        "%s %s %d",
        request.method,
        request.path,
        response.status_code,
        extra={
            "route": match.view_name if match else "",
            "status": response.status_code,
            "milliseconds": round(seconds * 1000, 1),
        },
    )


class HealthMiddleware:
    """Answers /healthz and /readyz before the host check and the redirect to HTTPS.

    Probes ask by address and over plain HTTP, and know no name of this installation.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = _HEALTH.get(request.path)
        return view(request) if view else self.get_response(request)


class HtmxLoginRedirectMiddleware:
    """Sends the whole page to the sign-in when a fragment finds that its session has ended.

    Without it htmx follows the redirect and puts the sign-in form into the fragment's place. The
    person comes back to the page they were on, not to the fragment's address.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not getattr(request, "htmx", False) or response.status_code != 302:
            return response
        target = urlsplit(response["Location"])
        sign_in = resolve_url(settings.LOGIN_URL)
        if target.path != sign_in:
            return response
        query = QueryDict(target.query, mutable=True)
        if page := request.htmx.current_url_abs_path:  # type: ignore[attr-defined]
            query["next"] = page
        return HttpResponseClientRedirect(
            urlunsplit(("", "", sign_in, query.urlencode(safe="/"), ""))
        )
