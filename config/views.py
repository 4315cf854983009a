"""Pages of no app: home, health, errors."""

from django.http import HttpRequest, HttpResponse


def home(request: HttpRequest) -> HttpResponse:
    """Placeholder."""
    return HttpResponse("")


healthz = readyz = home


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Placeholder."""
    return HttpResponse(status=403)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Placeholder."""
    return HttpResponse(status=400)


permission_denied = page_not_found = bad_request


def server_error(request: HttpRequest) -> HttpResponse:
    """Placeholder."""
    return HttpResponse(status=500)
