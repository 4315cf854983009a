"""What the tests of people and teams share."""

from __future__ import annotations

import pytest

from teams.models import Membership, Role, Team, User


@pytest.fixture(autouse=True)
def real_outbox(settings) -> None:
    """Mails become rows as in real life; the test runner would keep them in memory."""
    settings.EMAIL_BACKEND = "teams.outbox.OutboxBackend"


@pytest.fixture
def mia(team: Team) -> User:
    """A creator of the team: launches, and may ask for credits."""
    mia = User.objects.create_user("mia@example.com", name="Mia Moser")
    Membership.objects.create(team=team, user=mia, role=Role.CREATOR)
    return mia
