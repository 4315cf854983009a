"""What every test shares: people and a team, a guard on the network, and the quick flush."""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import shutil
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from django.core.cache import cache
from django.core.management.color import no_style
from django.db import connection
from django.test import TransactionTestCase

from catalog import images_child, limited
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


#: The folder that all workers of one run share, and what the first of them leaves there.
_RUN = Path(os.environ["TEST_DATA_DIR"])
_MIGRATED = _RUN / "migrated.sqlite3"
#: Tables that `migrate` fills and no test writes.
_OF_MIGRATE = {"django_content_type", "auth_permission"}


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """After a `transaction=True` test empty every table that a test writes, the ledger's too.

    Django's own flush empties the content types and permissions as well and has them made anew,
    which takes longer than most of these tests. The ledger refuses deletion: this is the one place
    that may, and its triggers are away meanwhile.
    """

    def flush(_self: TransactionTestCase) -> None:
        written = connection.introspection.django_table_names(
            only_existing=True, include_views=False
        )
        statements = connection.ops.sql_flush(
            no_style(), [table for table in written if table not in _OF_MIGRATE]
        )
        with ledger_triggers.triggers_off(connection):
            connection.ops.execute_sql_flush(statements)

    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", flush)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def turn() -> Iterator[IO[str]]:
    """On SQLite locked: of the workers of one run, one after the other makes its database."""
    with (_RUN / "turn").open("w") as file:
        if connection.vendor == "sqlite":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file


@pytest.fixture(scope="session")
def django_db_keepdb(
    turn: IO[str], django_db_modify_db_settings: None, request: pytest.FixtureRequest
) -> bool:
    """On SQLite let only the first worker migrate; the others begin with a copy of what it made."""
    if connection.vendor == "sqlite" and _MIGRATED.exists():
        shutil.copyfile(_MIGRATED, connection.settings_dict["TEST"]["NAME"])
        return True
    return bool(request.config.getvalue("reuse_db"))


@pytest.fixture(scope="session")
def django_db_setup(turn: IO[str], django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Keep a copy for the other workers; let PostgreSQL drop the test database in any case.

    A worker that a test killed may still be leaving it: the server notices a dead client only when
    it next writes to it.
    """
    if connection.vendor == "sqlite" and not _MIGRATED.exists():
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(_MIGRATED)])
    fcntl.flock(turn, fcntl.LOCK_UN)
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


@pytest.fixture
def decoded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode in this process, for tests of other things: a child takes longer than most of them.

    The tests of decoding, of renditions and of crashes in tests/catalog start children.
    """

    def run(call: str, **arguments: Any) -> Any:
        told = json.loads(json.dumps(arguments))
        return json.loads(json.dumps(images_child.run({"call": call, "arguments": told})))

    monkeypatch.setattr(limited, "_run", run)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Three workers for two processors: what drives an engine or a process mostly waits for it."""
    processors = yield
    return processors + processors // 2


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
