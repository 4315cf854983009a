"""The local storage gives nothing to a forged or late link, and takes nothing beyond its ticket."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from catalog.storage import LocalStorage, Missing, StorageError, Ticket, TooLarge, storage
from tests.catalog.conftest import stored

#: Closing an answer by hand looks after the connection that an earlier test may have left open.
pytestmark = pytest.mark.django_db

KEY = "t/5d6e4b1e-0000-4000-8000-000000000000/in/one"
JPEG = "image/jpeg"


@pytest.fixture
def place() -> LocalStorage:
    found = storage()
    assert isinstance(found, LocalStorage)
    return found


@pytest.fixture
def ticket(place: LocalStorage) -> Ticket:
    """For one file of at most 1000 bytes."""
    return place.ticket(KEY, max_bytes=1000, content_type="application/octet-stream")


def bring(client: Client, url: str, data: bytes = b"x" * 500, **fields: Any) -> Any:
    file = SimpleUploadedFile("evil.html", data, "text/html")
    return client.post(url, {"file": file, **fields})


def save(place: LocalStorage, tmp_path: Path, key: str, data: bytes = b"0123456789") -> None:
    (tmp_path / "source").write_bytes(data)
    place.save(key, tmp_path / "source", content_type=JPEG)


# --- Tickets: nine attacks and the honest way ---------------------------------------------------


def test_takes_a_file_within_the_limit(client: Client, ticket: Ticket, files: Path) -> None:
    answer = bring(client, ticket.url)

    assert (answer.status_code, stored(files)) == (201, [KEY])
    assert (files / KEY).read_bytes() == b"x" * 500


def test_one_byte_too_many_is_refused(client: Client, ticket: Ticket, files: Path) -> None:
    answer = bring(client, ticket.url, b"x" * 1001)

    assert (answer.status_code, stored(files)) == (413, [])
    assert answer.json()["error"].startswith("More bytes arrived than were announced.")


def test_a_far_too_large_body_is_refused_unread(
    client: Client, ticket: Ticket, files: Path
) -> None:
    answer = client.generic(
        "POST", ticket.url, b"", content_type="multipart/form-data; boundary=x",
        headers={"content-length": "99999999999"},
    )  # fmt: skip

    assert (answer.status_code, stored(files)) == (413, [])


def test_an_empty_file_is_refused(client: Client, ticket: Ticket, files: Path) -> None:
    answer = bring(client, ticket.url, b"")

    assert (answer.status_code, stored(files)) == (400, [])


def test_the_key_cannot_be_chosen_by_a_field(client: Client, ticket: Ticket, files: Path) -> None:
    bring(client, ticket.url, key="t/other/in/evil", acl="public-read", policy="x")

    assert stored(files) == [KEY]


@pytest.mark.parametrize("part", range(3))
def test_a_changed_ticket_is_refused(
    part: int, client: Client, ticket: Ticket, files: Path
) -> None:
    token = ticket.url.rpartition("/")[2]
    position = (0, len(token) // 2, len(token) - 2)[part]
    changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]

    answer = bring(client, reverse("catalog:upload_local", args=[changed]))

    assert (answer.status_code, stored(files)) == (403, [])


def test_another_policy_under_the_same_signature_is_refused(
    client: Client, ticket: Ticket, files: Path
) -> None:
    signature = ticket.url.rpartition(":")[2]
    policy = {"k": "t/x/in/evil", "n": 10**9, "e": 2**40}
    told = base64.urlsafe_b64encode(json.dumps(policy).encode()).decode().rstrip("=")

    answer = bring(client, reverse("catalog:upload_local", args=[f"{told}:{signature}"]))

    assert (answer.status_code, stored(files)) == (403, [])


@pytest.mark.parametrize("token", ["x", ":", "..", "a:b", "%2e%2e%2fetc", "é:é", "e30:e30"])
def test_no_signature_at_all_is_refused(token: str, client: Client, files: Path) -> None:
    assert bring(client, reverse("catalog:upload_local", args=[token])).status_code == 403
    assert client.get(reverse("catalog:file_serve", args=[token])).status_code == 404
    assert stored(files) == []


def test_a_link_to_see_is_no_ticket_to_bring(
    client: Client, place: LocalStorage, files: Path
) -> None:
    token = place.url("t/x/r/one.webp").rpartition("/")[2]

    assert bring(client, reverse("catalog:upload_local", args=[token])).status_code == 403
    assert stored(files) == []


def test_an_expired_ticket_is_refused(client: Client, ticket: Ticket, files: Path) -> None:
    with time_machine.travel(now() + timedelta(seconds=902)):
        answer = bring(client, ticket.url)

    assert (answer.status_code, stored(files)) == (403, [])
    assert answer.json()["error"] == "This upload has expired. Upload the file again."


def test_a_ticket_is_for_one_file(client: Client, ticket: Ticket, files: Path) -> None:
    bring(client, ticket.url)

    answer = bring(client, ticket.url, b"y" * 10)

    assert answer.status_code == 409
    assert (files / KEY).read_bytes() == b"x" * 500


def test_two_files_in_one_form_are_refused(client: Client, ticket: Ticket, files: Path) -> None:
    second = SimpleUploadedFile("b", b"y")

    assert (bring(client, ticket.url, other=second).status_code, stored(files)) == (400, [])


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x"])
def test_a_body_that_is_no_form_is_refused(
    content_type: str, client: Client, ticket: Ticket, files: Path
) -> None:
    answer = client.post(ticket.url, b"hello", content_type=content_type)

    assert (answer.status_code, stored(files)) == (400, [])


def test_a_folder_that_cannot_be_written_is_told(
    client: Client, ticket: Ticket, files: Path
) -> None:
    (files / "t").write_bytes(b"a file where a folder should be")

    answer = bring(client, ticket.url)

    assert answer.status_code == 507
    assert answer.json()["error"].startswith("The folder of pictures cannot be written:")


# --- Links ------------------------------------------------------------------------------------


def test_shows_a_picture_under_a_fixed_type_with_dead_scripts(
    client: Client, place: LocalStorage, tmp_path: Path
) -> None:
    save(place, tmp_path, "t/x/r/one.webp")

    answer = client.get(place.url("t/x/r/one.webp"))

    assert answer.getvalue() == b"0123456789"
    assert {name: answer[name] for name in (
        "Content-Type", "Content-Length", "X-Content-Type-Options", "Content-Security-Policy",
        "Cross-Origin-Resource-Policy",
    )} == {
        "Content-Type": "image/webp",
        "Content-Length": "10",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
    }  # fmt: skip
    assert answer["Cache-Control"].startswith("private, max-age=4")
    assert answer["Content-Disposition"] == 'inline; filename="one.webp"'
    assert not answer.cookies


def test_downloads_under_any_name(client: Client, place: LocalStorage, tmp_path: Path) -> None:
    save(place, tmp_path, "t/x/src/one.jpg")

    answer = client.get(place.url("t/x/src/one.jpg", filename="юникод.jpg"))
    answer.close()

    assert answer["Content-Disposition"] == (
        "attachment; filename*=utf-8''%D1%8E%D0%BD%D0%B8%D0%BA%D0%BE%D0%B4.jpg"
    )


def test_a_name_cannot_break_out_of_its_header(
    client: Client, place: LocalStorage, tmp_path: Path
) -> None:
    save(place, tmp_path, "t/x/src/one.jpg")

    answer = client.get(place.url("t/x/src/one.jpg", filename='a"\r\nSet-Cookie: x=1;.jpg'))
    answer.close()

    assert "Set-Cookie" not in answer
    assert "\r" not in answer["Content-Disposition"]


def test_a_link_stays_the_same_for_the_hour_and_then_ends(
    client: Client, place: LocalStorage, tmp_path: Path
) -> None:
    save(place, tmp_path, "t/x/r/one.webp")
    with time_machine.travel("2026-03-01T10:05:00Z", tick=False):
        link = place.url("t/x/r/one.webp")
    with time_machine.travel("2026-03-01T10:55:00Z", tick=False):
        assert place.url("t/x/r/one.webp") == link
    with time_machine.travel("2026-03-01T22:59:59Z", tick=False):
        answer = client.get(link)
        answer.close()
        assert (answer.status_code, answer["Cache-Control"]) == (
            200,
            "private, max-age=1, immutable",
        )
    with time_machine.travel("2026-03-01T23:00:01Z", tick=False):
        assert client.get(link).status_code == 404


def test_what_arrived_unchecked_is_never_shown(
    client: Client, place: LocalStorage, ticket: Ticket
) -> None:
    bring(client, ticket.url, b"<script>alert(1)</script>")

    assert client.get(place.url(KEY)).status_code == 404


def test_a_file_that_is_gone_is_not_found(client: Client, place: LocalStorage) -> None:
    assert client.get(place.url("t/x/r/gone.webp")).status_code == 404


def test_only_reading_is_answered(client: Client, place: LocalStorage, tmp_path: Path) -> None:
    save(place, tmp_path, "t/x/r/one.webp")

    assert client.post(place.url("t/x/r/one.webp")).status_code == 405
    answer = client.head(place.url("t/x/r/one.webp"))
    answer.close()
    assert (answer.status_code, answer["Content-Length"]) == (200, "10")


@pytest.mark.parametrize(
    ("asked", "code", "part", "told"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=999999999999999999-", 416, b"", "bytes */10"),
        (f"bytes={'9' * 5000}-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_answers_ranges(
    asked: str,
    code: int,
    part: bytes,
    told: str | None,
    client: Client,
    place: LocalStorage,
    tmp_path: Path,
) -> None:
    save(place, tmp_path, "t/x/r/one.webp")

    answer = client.get(place.url("t/x/r/one.webp"), headers={"range": asked})

    body = answer.getvalue()
    assert (answer.status_code, body, answer.get("Content-Range")) == (code, part, told)


# --- Keys and files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "t/../x", "t//x", "t/.hidden", "t/a\0b", "t/a b", "x" * 201]
)
def test_a_key_that_is_not_ours_is_never_a_path(key: str, place: LocalStorage) -> None:
    for call in (place.size, place.delete, place.url, place.open):
        with pytest.raises(ValueError, match="not a storage key"):
            call(key)


def test_even_a_signed_token_cannot_leave_the_folder(client: Client, files: Path) -> None:
    told = {"k": "../../secret.jpg", "e": 2**40}
    token = signing.Signer(salt="catalog.storage.file").sign_object(told)

    with pytest.raises(ValueError, match="not a storage key"):
        client.get(reverse("catalog:file_serve", args=[token]))


def test_saves_fetches_and_deletes(place: LocalStorage, tmp_path: Path, files: Path) -> None:
    save(place, tmp_path, "t/x/src/one.jpg", b"first")
    save(place, tmp_path, "t/x/src/one.jpg", b"second")
    place.fetch("t/x/src/one.jpg", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"second"
    assert place.size("t/x/src/one.jpg") == 6
    with pytest.raises(TooLarge):
        place.fetch("t/x/src/one.jpg", tmp_path / "back", max_bytes=5)

    place.delete("t/x/src/one.jpg")
    place.delete("t/x/src/one.jpg")

    assert (place.size("t/x/src/one.jpg"), stored(files)) == (None, [])
    with pytest.raises(Missing):
        place.fetch("t/x/src/one.jpg", tmp_path / "back")


def test_a_copy_that_fails_leaves_the_old_file(
    place: LocalStorage,
    tmp_path: Path,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save(place, tmp_path, "t/x/src/one.jpg", b"old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("catalog.storage.local.os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        save(place, tmp_path, "t/x/src/one.jpg", b"new")

    assert (files / "t/x/src/one.jpg").read_bytes() == b"old"
    assert stored(files) == ["t/x/src/one.jpg"]


def test_the_check_writes_reads_and_leaves_nothing(place: LocalStorage, files: Path) -> None:
    place.check()

    assert stored(files) == []


def test_the_check_names_what_is_wrong(place: LocalStorage, files: Path) -> None:
    (files / "probe").write_bytes(b"in the way")

    with pytest.raises(StorageError, match="The folder of pictures cannot be written"):
        place.check()


def test_others_on_the_machine_cannot_look_in(
    place: LocalStorage, tmp_path: Path, files: Path
) -> None:
    files.rmdir()
    save(place, tmp_path, "t/x/src/one.jpg")

    assert files.stat().st_mode & 0o077 == 0
