"""The ledger is checked once a day, kept, and the operators are told where it fails."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import transaction

from generation.engine.books import check_due_books
from teams.credits import hold
from teams.models import LedgerCheck, User


@pytest.fixture(autouse=True)
def operator(db) -> User:
    """The one who is told."""
    return User.objects.create_superuser("root@example.com")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2027, 3, day, hour, minute, tzinfo=UTC)


def test_it_is_checked_once_a_day_from_the_set_hour_on(settings, mailoutbox):
    settings.LEDGER_CHECK_HOUR = 3
    checked = []
    for moment in (at(1, 2), at(1, 2, 59), at(1, 3), at(1, 12), at(2, 2), at(2, 4), at(2, 5)):
        if check := check_due_books(moment):
            LedgerCheck.objects.filter(pk=check.pk).update(at=moment)
            checked.append(moment)

    assert checked == [at(1, 2), at(1, 3), at(2, 4)]
    assert LedgerCheck.objects.count() == 3
    assert mailoutbox == [], "all adds up"


def test_operators_are_told_what_does_not_add_up(team, mailoutbox):
    with transaction.atomic():
        hold(team=team, member=None, amount=4, job="ghost", actor="alice", price_version="7")

    check_due_books(at(1, 4))

    check = LedgerCheck.objects.get()
    assert check.entries == 2, "the team's credits and the hold"
    (mail,) = mailoutbox
    assert mail.to == ["root@example.com"]
    assert mail.subject == "The ledger does not add up: 1 difference"
    assert f"{team.slug}: entry 2 holds 4 credits for job ghost, which there is not." in mail.body
