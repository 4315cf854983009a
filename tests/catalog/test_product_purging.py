"""Removed photos that no job used go for good after 30 days; all others stay, and bytes add up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from catalog import services
from catalog.models import Asset, Product, Upload
from catalog.renditions import make_renditions
from catalog.storage import StorageError, storage
from teams.credits import grant
from teams.models import Team, User
from tests.catalog.conftest import ask_ticket, stored, upload
from tests.factories import deliver_swap, launch_swap

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("decoded_here")]

DAY = timedelta(days=1)


@pytest.fixture
def photo(client_of_alice: Client, product: Product, draw: Callable[..., Path]) -> Asset:
    """A photo with its file and its three renditions."""
    asset = upload(client_of_alice, product, draw().read_bytes()).asset
    assert asset is not None
    make_renditions(asset.pk)
    return asset


def bytes_of(team: Team) -> int:
    """What counts as stored."""
    return Team.objects.values_list("storage_bytes", flat=True).get(pk=team.pk)


def test_an_unused_photo_goes_30_days_after_it_was_removed(
    photo: Asset, team: Team, alice: User, files: Path
) -> None:
    assert bytes_of(team) == photo.bytes
    assert len(stored(files)) == 4
    services.archive_photo(photo=photo, by=alice)

    services.sweep_catalog(now() + 29 * DAY)
    assert len(stored(files)) == 4
    assert bytes_of(team) == photo.bytes

    for _ in range(2):
        services.sweep_catalog(now() + 31 * DAY)

    assert stored(files) == []
    assert bytes_of(team) == 0
    assert not Asset.objects.exists()
    assert Upload.objects.get().asset is None


def test_a_photo_that_is_there_never_goes(
    photo: Asset, team: Team, alice: User, files: Path
) -> None:
    services.archive_photo(photo=photo, by=alice)
    assert services.restore_photo(photo=photo, by=alice)

    services.sweep_catalog(now() + 400 * DAY)

    assert len(stored(files)) == 4
    assert bytes_of(team) == photo.bytes


def test_a_photo_that_a_job_used_stays_with_its_results(
    photo: Asset, team: Team, alice: User, files: Path
) -> None:
    grant(team=team, amount=100, actor="tests", reason="", key="tests")
    deliver_swap(team, delivered=0, job=launch_swap(team, photo=photo, by=alice))
    services.archive_photo(photo=photo, by=alice)

    services.sweep_catalog(now() + 31 * DAY)

    assert len(stored(files)) == 4
    assert bytes_of(team) == photo.bytes
    photo.refresh_from_db()
    assert photo.purge_due_at is not None
    assert photo.purge_due_at > now() + 60 * DAY, "not looked at again with every sweep"


def test_a_photo_that_is_due_cannot_come_back(photo: Asset, product: Product, alice: User) -> None:
    services.archive_photo(photo=photo, by=alice)
    Asset.objects.update(purge_due_at=now() - timedelta(seconds=1))

    assert services.restore_photo(photo=photo, by=alice) is False

    product.refresh_from_db()
    assert product.photo_count == 0


def test_a_storage_that_fails_leaves_the_photo_to_the_next_sweep(
    photo: Asset, team: Team, alice: User, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.archive_photo(photo=photo, by=alice)

    def fail(self: Any, key: str) -> None:
        raise StorageError("The disk does not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(type(storage()), "delete", fail)
        services.sweep_catalog(now() + 31 * DAY)
    assert (bytes_of(team), len(stored(files))) == (photo.bytes, 4)

    services.sweep_catalog(now() + 31 * DAY)

    assert (bytes_of(team), stored(files)) == (0, [])


def test_a_full_team_reads_how_full_it_is_and_what_to_do(
    client_of_alice: Client, product: Product, settings: Any
) -> None:
    settings.TEAM_STORAGE_BYTES = 20 * 2**20
    Team.objects.update(storage_bytes=20 * 2**20 - 5)

    answer = ask_ticket(client_of_alice, product, "a.jpg", 6)

    assert answer.status_code == 422
    assert answer.json()["error"].replace("\xa0", " ") == (
        "The storage of your team is full: 20.0 MB of 20.0 MB. Remove photos you no longer need: "
        "those that no job used make room after 30 days. Or ask the operator for more room."
    )
