"""Uploads whose worker died, came late or met a failing storage; files that do not fit."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils.timezone import now

from catalog import leases, limited, tasks
from catalog.checking import check_upload
from catalog.leases import LEASE
from catalog.limited import DecoderFailed
from catalog.models import Asset, Product, Upload
from catalog.services import sweep_catalog
from catalog.storage import LocalStorage, StorageError
from tests.catalog.conftest import ask_ticket, bring, counts, stored

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """Ends a check as a SIGKILL does: nothing is written any more."""


def claimed(upload: Upload) -> Upload:
    """An upload whose worker was killed at its first step."""

    def kill(*_: Any, **__: Any) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalStorage, "fetch", kill)
        with pytest.raises(Killed):
            check_upload(upload.pk)
    upload.refresh_from_db()
    return upload


def comes_true(question: Callable[[], bool]) -> bool:
    """Whether it does within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("step", ["fetch", "inspect", "save", "accept"])
def test_a_worker_killed_at_any_step_leaves_an_upload_that_is_checked_again(
    step: str, received: Upload, product: Product, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: Any, **__: Any) -> None:
        raise Killed

    place: Any = {
        "fetch": (LocalStorage, "fetch"),
        "inspect": (limited, "inspect_picture"),
        "save": (LocalStorage, "save"),
        "accept": (Asset.objects, "create"),
    }[step]
    with monkeypatch.context() as patch:
        patch.setattr(place[0], place[1], kill)
        with pytest.raises(Killed):
            check_upload(received.pk)
    assert counts(product) == (0, 0, 0)
    received.refresh_from_db()
    assert (received.state, received.attempts) == (Upload.State.RECEIVED, 1)
    assert check_upload(received.pk) is None, "its lease still runs"

    with time_machine.travel(now() + LEASE + timedelta(seconds=1)):
        asset = check_upload(received.pk)

    assert asset is not None
    assert counts(product) == (1, received.bytes, 1)
    assert stored(files) == [asset.key]


def test_the_upload_of_a_killed_worker_is_asked_for_again_within_half_a_minute(
    received: Upload, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(tasks.check_upload, "delay", asked.append)
    began = now()
    assert claimed(received).lease_until <= now() + timedelta(seconds=10)

    with django_capture_on_commit_callbacks(execute=True):
        sweep_catalog(began + timedelta(seconds=28))
        assert asked == []
        sweep_catalog(began + timedelta(seconds=31))

    assert asked == [str(received.pk)]


@pytest.mark.django_db(transaction=True)
def test_a_check_that_takes_long_keeps_other_workers_off(
    received: Upload, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_RENEW_EVERY", timedelta(milliseconds=20))
    inspect = limited.inspect_picture
    tries: list[Asset | None] = []

    def slow(*args: Any, **options: Any) -> Any:
        first = Upload.objects.get().lease_until
        assert comes_true(lambda: Upload.objects.get().lease_until > first)
        with time_machine.travel(first + timedelta(milliseconds=1)):
            tries.append(check_upload(received.pk))
        return inspect(*args, **options)

    monkeypatch.setattr(limited, "inspect_picture", slow)

    assert check_upload(received.pk) is not None
    assert tries == [None]
    assert (Upload.objects.get().attempts, counts(product)) == (1, (1, received.bytes, 1))


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_was_overtaken_renews_nothing(
    received: Upload, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_RENEW_EVERY", timedelta(milliseconds=20))
    inspect = limited.inspect_picture
    others = now() + timedelta(seconds=5)

    def overtaken(*args: Any, **options: Any) -> Any:
        Upload.objects.update(attempts=2, lease_until=others)
        time.sleep(0.1)
        assert Upload.objects.get().lease_until == others
        return inspect(*args, **options)

    monkeypatch.setattr(limited, "inspect_picture", overtaken)

    assert check_upload(received.pk) is not None
    assert counts(product) == (1, received.bytes, 1)


def test_two_workers_with_the_same_upload_count_it_once(
    received: Upload, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is so slow that its lease ends while it decodes."""
    inspect = limited.inspect_picture

    def overtaken(*args: Any, **options: Any) -> Any:
        picture = inspect(*args, **options)
        with monkeypatch.context() as patch:
            patch.setattr(limited, "inspect_picture", inspect)
            Upload.objects.filter(pk=received.pk).update(lease_until=now())
            assert check_upload(received.pk) is not None
        return picture

    with monkeypatch.context() as patch:
        patch.setattr(limited, "inspect_picture", overtaken)
        assert check_upload(received.pk) is None

    received.refresh_from_db()
    assert received.state in {Upload.State.ACCEPTED}
    assert counts(product) == (1, received.bytes, 1)


def test_a_storage_that_fails_puts_the_check_off(
    received: Upload, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise StorageError("The S3 server cannot be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "fetch", fail)
        assert check_upload(received.pk) is None
    assert (Upload.objects.get().state, counts(product)) == ("received", (0, 0, 0))

    with time_machine.travel(now() + timedelta(seconds=21)):
        assert check_upload(received.pk) is not None


def test_a_picture_that_ends_its_decoder_twice_is_refused(
    received: Upload, product: Product, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise DecoderFailed("ended with -9")

    monkeypatch.setattr(limited, "inspect_picture", crash)

    check_upload(received.pk)
    assert Upload.objects.get().state == Upload.State.RECEIVED
    with time_machine.travel(now() + timedelta(seconds=21)):
        check_upload(received.pk)

    assert Upload.objects.get().error.startswith("This picture is too much for this server.")
    assert (counts(product), stored(files)) == ((0, 0, 0), [])


def test_done_without_a_file_is_refused(client_of_alice: Client, product: Product) -> None:
    ticket = ask_ticket(client_of_alice, product, "a.jpg", 9).json()
    client_of_alice.post(ticket["done_url"])

    check_upload(ticket["id"])

    assert Upload.objects.get().error == "The file did not arrive. Upload it again."


def test_fewer_bytes_than_announced_are_refused(
    client_of_alice: Client, product: Product, draw: Callable[..., Path]
) -> None:
    data = draw().read_bytes()
    ticket = ask_ticket(client_of_alice, product, "a.jpg", len(data) + 1).json()
    bring(client_of_alice, ticket, data)
    client_of_alice.post(ticket["done_url"])

    check_upload(ticket["id"])

    assert Upload.objects.get().error == "The file did not arrive whole. Upload it again."


def test_a_file_swapped_after_the_check_changes_nothing(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], files: Path
) -> None:
    data = draw().read_bytes()
    ticket = ask_ticket(client_of_alice, product, "a.jpg", len(data)).json()
    bring(client_of_alice, ticket, data)
    client_of_alice.post(ticket["done_url"])
    asset = check_upload(ticket["id"])
    assert asset is not None

    assert bring(client_of_alice, ticket, b"<script>").status_code == 201  # Its ticket still runs.

    assert (files / asset.key).read_bytes() == data
    sweep_catalog(now() + timedelta(hours=2))
    assert stored(files) == [asset.key]
