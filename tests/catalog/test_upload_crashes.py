"""Uploads whose worker died, came late or met a failing storage; files that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils.timezone import now

from catalog import limited
from catalog.checking import LEASE, check_upload
from catalog.limited import DecoderFailed
from catalog.models import Asset, Product, Upload
from catalog.services import sweep_catalog
from catalog.storage import LocalStorage, StorageError
from tests.catalog.conftest import ask_ticket, bring, counts, stored

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("step", ["fetch", "inspect", "save", "accept"])
def test_a_worker_killed_at_any_step_leaves_an_upload_that_is_checked_again(
    step: str, received: Upload, product: Product, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

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
