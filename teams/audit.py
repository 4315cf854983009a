"""Writes the audit trail: who did what of consequence, in the transaction that did it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from allauth.account.adapter import get_adapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest

from teams.models import AuditEntry, Team, User

_request: ContextVar[HttpRequest | None] = ContextVar("audited_request", default=None)


@contextmanager
def during(request: HttpRequest) -> Iterator[None]:
    """Whatever is recorded meanwhile in this thread came by the request."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def address() -> str | None:
    """Where the request at hand came from; None outside requests and where it is not known.

    Only as many proxies are believed as TRUSTED_PROXY_COUNT names.
    """
    request = _request.get()
    if request is None:
        return None
    try:
        return str(ipaddress.ip_address(get_adapter(request).get_client_ip(request)))
    except (ValueError, PermissionDenied, ImproperlyConfigured):
        return None  # A socket file, or fewer proxies than the settings name.


def record(
    *,
    team: Team | None,
    actor: User | str,
    action: str,
    subject: str = "",
    **data: str | int | bool | None,
) -> AuditEntry:
    """Append one entry. `action` is a fixed `thing.verb` word, `subject` whom or what it changed.

    People are kept as text (their e-mail address), so that accounts can be erased later. The
    address of the request is added by itself; a command has none.
    """
    return AuditEntry.objects.create(
        team=team,
        actor=actor.email if isinstance(actor, User) else actor,
        action=action,
        subject=subject[:254],
        data=data,
        address=address(),
    )
