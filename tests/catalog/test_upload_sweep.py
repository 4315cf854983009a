"""What the sweep does for uploads: lost hints, given up, forgotten, never what is in use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from catalog import storage, tasks
from catalog.checking import MAX_ATTEMPTS, check_upload
from catalog.models import Product, Upload
from catalog.renditions import make_renditions
from catalog.services import sweep_catalog
from teams.models import Team
from tests.catalog.conftest import ask_ticket, bring, counts, stored, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the sweep asked workers for."""
    asked: list[str] = []
    monkeypatch.setattr(tasks.check_upload, "delay", lambda key: asked.append(f"check {key}"))
    monkeypatch.setattr(tasks.make_renditions, "delay", lambda key: asked.append(f"make {key}"))
    return asked


def test_a_lost_hint_is_sent_again_but_not_at_every_sweep(
    received: Upload, hinted: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    began = now()
    with django_capture_on_commit_callbacks(execute=True):
        for seconds in (5, 25, 30, 35, 50):
            sweep_catalog(began + timedelta(seconds=seconds))

    assert hinted == [f"check {received.pk}"] * 2


def test_missing_renditions_are_asked_for_again(
    received: Upload, hinted: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    asset = check_upload(received.pk)
    assert asset is not None

    with django_capture_on_commit_callbacks(execute=True):
        sweep_catalog(now() + timedelta(seconds=25))

    assert hinted == [f"make {asset.pk}"]


def test_an_upload_that_kills_every_worker_is_given_up(
    received: Upload, product: Product, files: Path
) -> None:
    Upload.objects.update(attempts=MAX_ATTEMPTS)

    sweep_catalog(now() + timedelta(seconds=25))

    assert Upload.objects.get().error == "The server could not check this file. Upload it again."
    assert (counts(product), stored(files)) == ((0, 0, 0), [])


def test_unfinished_uploads_are_forgotten_with_their_files_after_a_day(
    client_of_alice: Client, product: Product, files: Path
) -> None:
    ticket = ask_ticket(client_of_alice, product, "a.jpg", 9).json()
    bring(client_of_alice, ticket, b"123456789")

    sweep_catalog(now() + timedelta(hours=23))
    assert (Upload.objects.count(), len(stored(files))) == (1, 1)
    sweep_catalog(now() + timedelta(hours=25))
    assert (Upload.objects.count(), stored(files)) == (0, [])


def test_the_sweep_never_removes_what_an_asset_points_at(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], files: Path
) -> None:
    done = upload(client_of_alice, product, draw().read_bytes())
    assert done.asset is not None
    make_renditions(done.asset.pk)
    lying = stored(files)
    assert len(lying) == 4

    for hours in (1, 30, 1000):
        sweep_catalog(now() + timedelta(hours=hours))

    assert stored(files) == lying
    done.refresh_from_db()
    assert done.cleared_at is not None


def test_half_written_drafts_of_killed_processes_are_dropped(files: Path) -> None:
    import os

    (files / ".unfinished").mkdir()
    old, young = files / ".unfinished/old", files / ".unfinished/young"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (0, 0))

    storage.storage().tidy()

    assert stored(files) == [".unfinished/young"]


def test_the_team_is_never_counted_below_zero(team: Team) -> None:
    from django.db import IntegrityError, transaction

    with pytest.raises(IntegrityError), transaction.atomic():
        Team.objects.filter(pk=team.pk).update(storage_bytes=-1)
