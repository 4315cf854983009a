"""Mistakes and failures are answered in the shell of the product."""

from typing import Any, cast

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path

from config import urls as real_urls


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("The code is wrong.")


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("Ask an admin of the team.")


def read_form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.POST)))


urlpatterns: list[Any] = [
    path("broken", broken),
    path("forbidden", forbidden),
    path("form", read_form),
    path("", include(cast(Any, real_urls.urlpatterns))),
]
handler400, handler403 = real_urls.handler400, real_urls.handler403
handler404, handler500 = real_urls.handler404, real_urls.handler500

pytestmark = pytest.mark.urls(__name__)


def assert_in_shell(response, status, words):
    assert response.status_code == status
    page = response.content.decode()
    assert "<main" in page
    assert "<h1" in page
    assert words in page
    assert response["X-Request-ID"] in page


def test_an_unknown_address_is_404(db):
    assert_in_shell(Client().get("/nowhere"), 404, "There is nothing here")


def test_a_refusal_says_why(db):
    assert_in_shell(Client().get("/forbidden"), 403, "Ask an admin of the team.")


def test_a_form_without_its_token_is_told_to_reload(db):
    client = Client(enforce_csrf_checks=True)

    assert_in_shell(client.post("/form", {"a": "b"}), 403, "reload the page")


def test_a_script_with_a_worn_out_token_gets_one_sentence(db):
    client = Client(enforce_csrf_checks=True)
    told = "This page is out of date. Reload it."

    answer = client.post("/form", {"a": "b"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.content.decode()) == (403, told)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["X-Stale-Page"] == "1"
    answer = client.post("/form", {"a": "b"}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()) == (403, {"error": told})


def test_a_body_that_is_too_large_is_413(db):
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=10):
        response = Client().post("/form", {"a": "b" * 100})

    assert_in_shell(response, 413, "too much")


def test_too_many_fields_are_413(db):
    with override_settings(DATA_UPLOAD_MAX_NUMBER_FIELDS=2):
        response = Client().post("/form", {str(n): n for n in range(9)})

    assert_in_shell(response, 413, "too much")


def test_a_strange_host_is_400(db):
    response = Client().get("/form", headers={"host": "evil.example.com"})

    assert response.status_code == 400
    assert b"evil.example.com" not in response.content


def test_a_failure_is_500_and_needs_no_database(caplog):
    # No `db`: any query would fail the test.
    client = Client(raise_request_exception=False)

    assert_in_shell(client.get("/broken"), 500, "Something went wrong")
    assert "The code is wrong." not in client.get("/broken").content.decode()
    assert "The code is wrong." in caplog.text


def test_the_last_page_stands_when_the_template_fails_too(monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise OSError("No templates.")

    monkeypatch.setattr("config.views.render_to_string", fail)

    response = Client(raise_request_exception=False).get("/broken")

    assert response.status_code == 500
    assert response["X-Request-ID"] in response.content.decode()
