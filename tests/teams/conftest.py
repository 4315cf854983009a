"""What the tests of people and teams share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def real_outbox(settings) -> None:
    """Mails become rows as in real life; the test runner would keep them in memory."""
    settings.EMAIL_BACKEND = "teams.outbox.OutboxBackend"
