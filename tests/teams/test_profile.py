"""One's own page, and what its settings change elsewhere."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from teams.middleware import TimeZoneMiddleware
from teams.models import User
from teams.rates import rate_limited


def test_settings_are_saved(client, alice, team):
    client.force_login(alice)

    answer = client.post(
        "/me/", {"name": "Alice A.", "time_zone": "Europe/Zurich", "theme": "dark"}
    )

    assert answer["Location"] == "/me/"
    alice.refresh_from_db()
    assert (alice.name, alice.time_zone, alice.theme) == ("Alice A.", "Europe/Zurich", "dark")
    assert alice.shortcuts_enabled is False
    page = client.get("/me/").content.decode()
    assert 'data-theme="dark"' in page
    assert 'data-shortcuts="off"' in page
    assert "Atelier" in page


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"time_zone": "Mars/Olympus"}, {"theme": "pink"}], ids=str
)
def test_nonsense_is_refused(wrong, client, alice):
    client.force_login(alice)

    answer = client.post("/me/", {"name": "A", "time_zone": "", "theme": "dark", **wrong})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == list(wrong)
    alice.refresh_from_db()
    assert (alice.name, alice.theme) == ("Alice Archer", "system")


def test_nobody_changes_what_the_form_does_not_show(client, alice):
    client.force_login(alice)

    client.post("/me/", {"name": "A", "theme": "dark", "is_staff": "on", "email": "x@example.com"})

    alice.refresh_from_db()
    assert (alice.is_staff, alice.email) == (False, "alice@example.com")


def test_the_menu_switches_the_theme(client, alice):
    client.force_login(alice)

    assert client.post("/me/theme", {"theme": "light"}, HTTP_HX_REQUEST="true").status_code == 204
    plain = client.post("/me/theme", {"theme": "dark", "next": "/me/?x=1"})
    assert plain["Location"] == "/me/?x=1"
    outside = client.post("/me/theme", {"theme": "dark", "next": "https://evil.example/"})
    assert outside["Location"] == "/"
    assert client.post("/me/theme", {"theme": "pink"}).status_code == 422

    alice.refresh_from_db()
    assert alice.theme == "dark"


@pytest.mark.parametrize("path", ["/me/", "/me/theme"])
def test_visitors_sign_in_first(path, client, db):
    assert client.post(path).status_code == 302
    assert not User.objects.exists()


def test_a_request_leaves_no_time_zone_behind(client, alice):
    alice.time_zone = "Asia/Tokyo"
    alice.save()
    client.force_login(alice)
    seen = []

    def answer(request):
        seen.append(str(timezone.get_current_timezone()))
        return HttpResponse()

    middleware = TimeZoneMiddleware(answer)
    request = RequestFactory().get("/")
    request.session, request.user = client.session, alice

    middleware(request)

    assert seen == ["Asia/Tokyo"]
    assert str(timezone.get_current_timezone()) == "UTC"


def test_a_limit_counts_people_and_visitors_apart(alice, bob, rf):
    def visitor(address: str):
        request = rf.get("/", REMOTE_ADDR=address)
        request.user = None
        return request

    assert [rate_limited(alice, "x", 2, 60) for _ in range(3)] == [False, False, True]
    assert not rate_limited(alice, "y", 2, 60)
    assert not rate_limited(bob, "x", 2, 60)
    first = [rate_limited(visitor("10.0.0.1"), "x", 2, 60) for _ in range(3)]
    assert first == [False, False, True]
    assert not rate_limited(visitor("10.0.0.2"), "x", 2, 60)


def test_a_limit_is_over_with_its_window(alice, time_machine):
    time_machine.move_to(600, tick=False)
    assert [rate_limited(alice, "x", 1, 60) for _ in range(2)] == [False, True]

    time_machine.shift(60)

    assert not rate_limited(alice, "x", 1, 60)
