"""Limits hold for their whole window, also where the database is the cache."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.core.management import call_command

from config import settings as real_settings
from teams.rates import rate_limited

HOUR = 3600


@pytest.fixture
def database_cache(db, settings):
    """The cache of a one-machine installation, as the settings have it."""
    settings.CACHES = {"default": _database_cache()}
    call_command("createcachetable", verbosity=0)


def _database_cache():
    cache_settings = real_settings.CACHES["default"]
    assert cache_settings["BACKEND"] == "django.core.cache.backends.db.DatabaseCache"
    return cache_settings


@pytest.fixture(params=["memory", "database"])
def any_cache(request):
    if request.param == "database":
        request.getfixturevalue("database_cache")


def test_thirty_an_hour_stay_thirty_when_they_come_slowly(alice, any_cache, time_machine):
    time_machine.move_to(1000 * HOUR, tick=False)
    told = []
    for _ in range(36):  # One in 90 seconds, with a pause longer than the cache's default time.
        told.append(rate_limited(alice, "invite", 30, HOUR))
        time_machine.shift(90 if len(told) != 20 else 360)

    assert told == [False] * 30 + [True] * 6


def test_the_next_window_counts_from_zero(alice, any_cache, time_machine):
    time_machine.move_to(1000 * HOUR, tick=False)
    assert [rate_limited(alice, "invite", 1, HOUR) for _ in range(2)] == [False, True]

    time_machine.shift(HOUR)

    assert not rate_limited(alice, "invite", 1, HOUR)


def test_counts_of_many_people_do_not_push_each_other_out(alice, database_cache):
    assert not rate_limited(alice, "invite", 1, HOUR)
    for number in range(400):
        cache.add(f"rate:other:{number}", 1, timeout=HOUR)

    assert rate_limited(alice, "invite", 1, HOUR)
