"""What every test shares: people and a team, a guard on the network, and the flush."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase

from teams import ledger_triggers
from teams.models import Membership, Role, Team, User

#: Of everybody in the tests. Long enough for the validators.
PASSWORD = "correct horse battery"


# --- Guards -----------------------------------------------------------------------------------


class NetworkForbidden(AssertionError):
    """A test tried to leave this machine."""


_leave: list[str] = []


@contextmanager
def network_open() -> Iterator[None]:
    """Lets tests leave this machine: only those that a person asked to call the live hosts."""
    _leave.append("granted")
    try:
        yield
    finally:
        _leave.pop()


def _is_local(address: Any) -> bool:
    """Unix sockets and loopback addresses; names are resolved by nobody but localhost."""
    if _leave or not isinstance(address, tuple):
        return True
    host = address[0]
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Only loopback answers, so that no test depends on, or reaches, anybody else's machine."""
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex"):
        original = getattr(socket.socket, name)

        def guarded(self, address, *rest, _original=original):
            if not _is_local(address):
                raise NetworkForbidden(f"A test tried to reach {address!r}.")
            return _original(self, address, *rest)

        patch.setattr(socket.socket, name, guarded)
    resolve = socket.getaddrinfo

    def resolved(host, *rest, **options):
        if not _is_local((host.decode() if isinstance(host, bytes) else host or "",)):
            raise NetworkForbidden(f"A test tried to look up {host!r}.")
        return resolve(host, *rest, **options)

    patch.setattr(socket, "getaddrinfo", resolved)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def flush_past_ledger_triggers() -> Iterator[None]:
    """Let the flush after a `transaction=True` test empty the ledger, which refuses deletion.

    It is the one place that may: the triggers are away during the flush and back after it.
    """
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def flush_ledger_too(self):
        with ledger_triggers.triggers_off(connection):
            flush(self)

    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", flush_ledger_too)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Let PostgreSQL drop the test database although a worker that a test killed is still leaving.

    The server notices a dead client only when it next writes to it.
    """
    yield
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Rate limits count from zero in every test."""
    cache.clear()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put browser tests last, behind the shuffling.

    Playwright's sync API leaves an event loop running in the thread of the tests, and whatever
    calls `asyncio.run` afterwards in the same process is refused.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


# --- People -----------------------------------------------------------------------------------


@pytest.fixture
def alice(db: None) -> User:
    """Owner of the team."""
    return User.objects.create_user("alice@example.com", PASSWORD, name="Alice Archer")


@pytest.fixture
def team(alice: User) -> Team:
    """Alice's team, with an account and no credits yet."""
    from teams.services import create_team

    return create_team(name="Atelier", owner=alice, slug="atelier")


@pytest.fixture
def bob(team: Team) -> User:
    """A reviewer of the team: may decide about results and nothing else."""
    bob = User.objects.create_user("bob@example.com", PASSWORD, name="Bob Baker")
    Membership.objects.create(team=team, user=bob, role=Role.REVIEWER)
    return bob


@pytest.fixture
def charlie(db: None) -> User:
    """Signed in like the others, but a stranger to the team."""
    return User.objects.create_user("charlie@example.com", PASSWORD, name="Charlie Cole")
