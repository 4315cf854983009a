"""Private files of the local storage: signed links to read one, signed tickets to bring one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase


def file_serve(request: HttpRequest, token: str) -> HttpResponseBase:
    return HttpResponse(status=404)


def upload_local(request: HttpRequest, token: str) -> HttpResponseBase:
    return HttpResponse(status=404)
