"""What tests of generation share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from generation.models import ProviderAccount
from generation.providers.registry import current_account
from sandbox.app import create_app
from sandbox.server import serve_in_thread
from teams.models import User
from tests.generation.providers_page import PAGE, SECRET, words


@pytest.fixture
def count_queries() -> Callable[[Callable[[], Any]], int]:
    """How many queries a call needs."""

    def count(call: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as captured:
            call()
        return len(captured)

    return count


@pytest.fixture
def operator(db: None) -> User:
    """Runs this installation."""
    return User.objects.create_superuser("operator@example.com", "x", name="Olga")


@pytest.fixture
def read(client: Client, operator: User) -> Callable[[], str]:
    """The page of providers as the operator reads it: its words, without tags."""
    client.force_login(operator)

    def reading() -> str:
        answer = client.get(PAGE)
        assert answer.status_code == 200
        return words(answer)

    return reading


@pytest.fixture
def live(db: None, settings: Any, tmp_path: Path) -> Iterator[ProviderAccount]:
    """A live account whose host is a provider on this machine, which knows keys of its own form."""
    settings.SANDBOX = False
    settings.SELLERPIC_API_KEY = settings.FASHN_API_KEY = ""
    settings.PROVIDER_KEY_SECRETS = [SECRET]
    with (
        create_app(tmp_path / "sandbox", balance=180, plain=True) as app,
        serve_in_thread(app) as server,
    ):
        settings.SELLERPIC_BASE_URL = server.url
        yield current_account("sellerpic")
