"""From the ticket to the asset: what is counted, what is refused, and what a crash leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from catalog import limited, storage, tasks
from catalog.checking import LEASE, MAX_ATTEMPTS, check_upload
from catalog.limited import DecoderFailed
from catalog.models import Asset, Product, Upload
from catalog.renditions import make_renditions
from catalog.services import create_product, move_photo, set_primary_photo, sweep_catalog
from catalog.storage import LocalStorage, StorageError
from catalog.views import uploads as upload_views
from teams.models import Team, User
from tests.catalog.conftest import ask_ticket, bring, stored, upload
from tests.conftest import PASSWORD as PASSWORD_OF_ALL

pytestmark = pytest.mark.django_db


def counts(product: Product) -> tuple[int, int, int]:
    """Photos and bytes that are counted, and assets that exist."""
    product.refresh_from_db()
    product.team.refresh_from_db()
    return product.photo_count, product.team.storage_bytes, Asset.objects.count()


def test_an_accepted_photo_is_counted_once_and_shown(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], files: Path
) -> None:
    data = draw().read_bytes()

    done = upload(client_of_alice, product, data, "front view.jpg")

    assert done.state == Upload.State.ACCEPTED
    asset = done.asset
    assert asset is not None
    assert (asset.name, asset.format, asset.width, asset.height) == (
        "front view.jpg",
        "jpeg",
        300,
        400,
    )
    assert counts(product) == (1, len(data), 1)
    assert product.primary_photo == asset
    assert stored(files) == [asset.key]
    assert asset.key == f"t/{product.team_id}/src/{done.pk}.jpg"


def test_checking_twice_changes_nothing(
    client_of_alice: Client, product: Product, draw: Callable[..., Path]
) -> None:
    done = upload(client_of_alice, product, draw().read_bytes())
    before = counts(product)

    assert check_upload(done.pk) is None
    assert client_of_alice.post(done_url(done)).json()["state"] in {"received", "accepted"}
    assert counts(product) == before


@pytest.mark.parametrize("ends", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_photos_stand_in_the_order_of_their_tickets_whichever_check_ends_first(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], ends: tuple[int, ...]
) -> None:
    tickets = []
    for number in range(3):
        data = draw(f"{number}.jpg", seed=number * 40).read_bytes()
        ticket = ask_ticket(client_of_alice, product, f"{number}.jpg", len(data)).json()
        bring(client_of_alice, ticket, data)
        client_of_alice.post(ticket["done_url"])
        tickets.append(ticket)
    for number in ends:
        check_upload(tickets[number]["id"])
    product.refresh_from_db()
    assert [photo.name for photo in product.assets.all()] == ["0.jpg", "1.jpg", "2.jpg"]
    assert [photo.position for photo in product.assets.all()] == [0, 1, 2]
    assert product.primary_photo is not None
    assert product.primary_photo.name == "0.jpg"


def test_a_later_photo_leaves_the_order_and_the_main_photo_that_people_chose(
    client_of_alice: Client, alice: User, product: Product, draw: Callable[..., Path]
) -> None:
    first, second = (
        upload(client_of_alice, product, draw(f"{n}.jpg", seed=n * 40).read_bytes(), f"{n}.jpg")
        for n in range(2)
    )
    assert first.asset and second.asset
    move_photo(photo=second.asset, by=alice, by_places=-1)
    set_primary_photo(photo=second.asset, by=alice)
    upload(client_of_alice, product, draw("2.jpg", seed=80).read_bytes(), "2.jpg")
    product.refresh_from_db()
    assert [photo.name for photo in product.assets.all()] == ["1.jpg", "0.jpg", "2.jpg"]
    assert product.primary_photo == second.asset


def done_url(done: Upload) -> str:
    return reverse("catalog:upload_done", args=[done.team.slug, done.pk])


def test_done_hints_the_worker_once(
    client_of_alice: Client,
    product: Product,
    draw: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    hinted: list[str] = []
    monkeypatch.setattr(tasks.check_upload, "delay", hinted.append)
    data = draw().read_bytes()
    ticket = ask_ticket(client_of_alice, product, "a.jpg", len(data)).json()
    bring(client_of_alice, ticket, data)

    with django_capture_on_commit_callbacks(execute=True):
        client_of_alice.post(ticket["done_url"])
        client_of_alice.post(ticket["done_url"])

    assert hinted == [ticket["id"]]


def test_a_dead_broker_is_no_error_for_the_person(
    client_of_alice: Client,
    product: Product,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    def refuse(*_: Any) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(tasks.check_upload, "delay", refuse)
    ticket = ask_ticket(client_of_alice, product, "a.jpg", 10).json()

    with django_capture_on_commit_callbacks(execute=True):
        answer = client_of_alice.post(ticket["done_url"])

    assert (answer.status_code, answer.json()["state"]) == (200, "received")


def test_shows_the_photo_once_its_small_pictures_are_made(
    client_of_alice: Client, product: Product, draw: Callable[..., Path]
) -> None:
    done = upload(client_of_alice, product, draw().read_bytes())
    status_url = reverse("catalog:upload_status", args=[product.team.slug, done.pk])
    assert client_of_alice.get(status_url).json()["state"] == "received"

    assert done.asset is not None
    make_renditions(done.asset.pk)

    status = client_of_alice.get(status_url).json()
    assert (status["state"], status["label"], status["error"]) == ("accepted", "Uploaded", "")
    assert f'id="photo-{done.asset.pk}"' in status["tile_html"]


def test_does_not_wait_for_small_pictures_for_ever(
    client_of_alice: Client, product: Product, draw: Callable[..., Path]
) -> None:
    done = upload(client_of_alice, product, draw().read_bytes())
    status_url = reverse("catalog:upload_status", args=[product.team.slug, done.pk])

    with time_machine.travel(now() + timedelta(seconds=11)):
        assert client_of_alice.get(status_url).json()["state"] == "accepted"


# --- The same photo again ---------------------------------------------------------------------


def test_the_same_photo_in_the_same_product_is_named_and_not_kept(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], files: Path
) -> None:
    data = draw().read_bytes()
    first = upload(client_of_alice, product, data, "front.jpg")
    before, lying = counts(product), stored(files)

    second = upload(client_of_alice, product, data, "copy of front.jpg")

    assert (second.state, second.duplicate_of) == (Upload.State.REFUSED, first.asset)
    assert second.error == "Already here: this is the same photo as “front.jpg”."
    assert (counts(product), stored(files)) == (before, lying)
    status_url = reverse("catalog:upload_status", args=[product.team.slug, second.pk])
    assert client_of_alice.get(status_url).json()["duplicate"] == {
        "name": "front.jpg",
        "url": product.get_absolute_url(),
        "product": "Linen shirt",
    }


def test_the_same_photo_in_another_product_is_taken_and_named(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], alice: User
) -> None:
    data = draw().read_bytes()
    first = upload(client_of_alice, product, data)
    other = create_product(team=product.team, by=alice, name="Trousers")

    second = upload(client_of_alice, other, data)

    assert (second.state, second.duplicate_of) == (Upload.State.ACCEPTED, first.asset)
    assert second.asset != first.asset


def test_the_same_photo_of_another_team_is_never_mentioned(
    client_of_alice: Client, product: Product, draw: Callable[..., Path], charlie: User
) -> None:
    from teams.services import create_team

    data = draw().read_bytes()
    upload(client_of_alice, product, data)
    theirs = create_product(
        team=create_team(name="Rivals", owner=charlie), by=charlie, name="Their shirt"
    )
    client = Client()
    client.force_login(charlie)

    done = upload(client, theirs, data)

    assert (done.state, done.duplicate_of) == (Upload.State.ACCEPTED, None)


# --- Refused before a byte is sent ------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "This file is empty."),
        (50 * 2**20 + 1, "This file has 51 MB. Diptych takes up to 50 MB."),
    ],
)
def test_a_size_that_is_not_taken_is_told_at_once(
    size: int, words: str, client_of_alice: Client, product: Product
) -> None:
    answer = ask_ticket(client_of_alice, product, "a.jpg", size)

    assert (answer.status_code, answer.json()) == (422, {"error": words})
    assert not Upload.objects.exists()


def test_a_full_team_gets_no_ticket_and_open_tickets_count(
    client_of_alice: Client, product: Product, settings: Any
) -> None:
    settings.TEAM_STORAGE_BYTES = 1000
    assert ask_ticket(client_of_alice, product, "a.jpg", 600).status_code == 201

    answer = ask_ticket(client_of_alice, product, "b.jpg", 600)

    assert answer.status_code == 422
    assert answer.json()["error"].startswith("The storage of your team is full: 600\xa0bytes of ")
    assert Upload.objects.count() == 1


def test_storage_that_filled_up_meanwhile_refuses_and_counts_nothing(
    client_of_alice: Client,
    product: Product,
    draw: Callable[..., Path],
    settings: Any,
    files: Path,
) -> None:
    data = draw().read_bytes()
    ticket = ask_ticket(client_of_alice, product, "a.jpg", len(data)).json()
    bring(client_of_alice, ticket, data)
    client_of_alice.post(ticket["done_url"])
    settings.TEAM_STORAGE_BYTES = len(data) - 1

    assert check_upload(ticket["id"]) is None

    assert Upload.objects.get().error.startswith("The storage of your team is full: ")
    assert (counts(product), stored(files)) == ((0, 0, 0), [])


def test_too_many_tickets_per_minute_are_refused(
    client_of_alice: Client, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_views, "TICKETS_PER_MINUTE", 2)
    codes = [ask_ticket(client_of_alice, product, "a.jpg", 9).status_code for _ in range(3)]

    assert codes == [201, 201, 429]
    assert Upload.objects.count() == 2


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\front.jpg", "front.jpg"),
        ("a\x00b\n.jpg", "ab.jpg"),
        ("юникод.jpg", "юникод.jpg"),
        ("", "photo"),
        ("x" * 300 + ".jpg", "x" * 196 + ".jpg"),
    ],
)
def test_a_name_is_only_ever_a_name(
    told: str, kept: str, client_of_alice: Client, product: Product
) -> None:
    assert ask_ticket(client_of_alice, product, told, 9).status_code == 201

    assert Upload.objects.get().name == kept
    assert Upload.objects.get().key == f"t/{product.team_id}/in/{Upload.objects.get().pk}"


# --- Who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "code"), [("alice", 201), ("bob", 403), ("charlie", 404)])
def test_only_those_who_may_edit_get_a_ticket(
    who: str, code: int, product: Product, request: pytest.FixtureRequest
) -> None:
    client = Client()
    client.force_login(request.getfixturevalue(who))

    assert ask_ticket(client, product, "a.jpg", 9).status_code == code
    assert Upload.objects.count() == (1 if code == 201 else 0)


@pytest.mark.parametrize(("who", "code"), [("bob", 403), ("charlie", 404)])
def test_others_neither_finish_nor_see_an_upload(
    who: str,
    code: int,
    client_of_alice: Client,
    product: Product,
    request: pytest.FixtureRequest,
) -> None:
    ticket = ask_ticket(client_of_alice, product, "a.jpg", 9).json()
    client = Client()
    client.force_login(request.getfixturevalue(who))

    assert client.post(ticket["done_url"]).status_code == code
    assert client.get(ticket["status_url"]).status_code == code
    assert Upload.objects.get().state == Upload.State.ISSUED


def test_another_teams_upload_is_not_found_under_ones_own_team(
    client_of_alice: Client, product: Product, charlie: User
) -> None:
    from teams.services import create_team

    theirs = create_team(name="Rivals", owner=charlie)
    ticket = ask_ticket(client_of_alice, product, "a.jpg", 9).json()
    client = Client()
    client.force_login(charlie)

    url = reverse("catalog:upload_status", args=[theirs.slug, ticket["id"]])
    assert client.get(url).status_code == 404
    url = reverse("catalog:upload_create", args=[theirs.slug, product.pk])
    assert client.post(url, "{}", content_type="application/json").status_code == 404


def test_a_foreign_page_cannot_ask_for_a_ticket(alice: User, product: Product) -> None:
    client = Client(enforce_csrf_checks=True)
    client.login(email=alice.email, password=PASSWORD_OF_ALL)

    assert ask_ticket(client, product, "a.jpg", 9).status_code == 403
    assert not Upload.objects.exists()


# --- Crashes and late workers -----------------------------------------------------------------


@pytest.fixture
def received(client_of_alice: Client, product: Product, draw: Callable[..., Path]) -> Upload:
    """An upload that has arrived and waits to be checked."""
    data = draw().read_bytes()
    ticket = ask_ticket(client_of_alice, product, "a.jpg", len(data)).json()
    bring(client_of_alice, ticket, data)
    client_of_alice.post(ticket["done_url"])
    return Upload.objects.get()


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


# --- The sweep --------------------------------------------------------------------------------


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
