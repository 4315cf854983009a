"""What providers call: a hint that a task has ended. It is never believed, only looked into."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from generation.webhooks import MOST_BYTES, take_hint


@csrf_exempt
@require_POST
def fashn_webhook(request: HttpRequest, token: str) -> HttpResponse:
    """Answer 204 at once, to whoever calls; the engine asks the provider itself."""
    try:
        body = request.read(MOST_BYTES)
    except UnreadablePostError:  # Whoever called went away.
        body = b""
    take_hint(token, body)
    return HttpResponse(status=204)
