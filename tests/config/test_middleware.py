"""Every request has an id; a fragment of an ended session leads the whole page to the sign-in."""

import json
import logging

import pytest

from config import logs


@pytest.mark.parametrize("given", ["abcdef12-3456", "A.b_c-0123456789"])
def test_a_sane_request_id_is_kept(client, given):
    assert client.get("/healthz", headers={"x-request-id": given})["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space", "new\nline", "<script>ab"])
def test_any_other_id_is_replaced(client, given):
    answer = client.get("/healthz", headers={"x-request-id": given})["X-Request-ID"]

    assert answer != given
    assert len(answer) == 32


def test_one_line_is_logged_per_request_without_its_query(client, db, caplog):
    caplog.handler.addFilter(logs.ContextFilter())
    with caplog.at_level(logging.INFO, logger="diptych.request"):
        response = client.get("/?email=somebody@example.com")

    (record,) = [line for line in caplog.records if line.name == "diptych.request"]
    assert record.getMessage() == "GET / 302"
    assert record.request_id == response["X-Request-ID"]
    assert record.route == "home"


def test_probes_and_static_files_are_not_logged(client, caplog):
    with caplog.at_level(logging.INFO, logger="diptych.request"):
        client.get("/healthz")
        client.get("/static/nothing.css")

    assert [line for line in caplog.records if line.name == "diptych.request"] == []


def test_a_fragment_without_session_sends_the_page_to_the_sign_in(client, team):
    response = client.get(
        f"/t/{team.slug}/queue/poll",
        headers={
            "hx-request": "true",
            "hx-current-url": f"http://testserver/t/{team.slug}/queue/?state=running",
        },
    )

    assert response.status_code == 200
    assert response["HX-Redirect"] == (
        f"/accounts/login/?next=/t/{team.slug}/queue/%3Fstate%3Drunning"
    )
    assert response.content == b""


def test_a_page_without_session_is_redirected_as_ever(client, team):
    response = client.get(f"/t/{team.slug}/queue/")

    assert response.status_code == 302
    assert response["Location"] == f"/accounts/login/?next=/t/{team.slug}/queue/"


def test_a_page_elsewhere_is_not_where_the_sign_in_leads(client, team):
    response = client.get(
        f"/t/{team.slug}/queue/poll",
        headers={"hx-request": "true", "hx-current-url": "https://evil.example.com/x"},
    )

    assert "evil" not in response["HX-Redirect"]


def test_the_policy_of_every_page_allows_no_inline_code(client, db):
    policy = client.get("/accounts/login/")["Content-Security-Policy"]

    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert json.dumps(policy).count("frame-ancestors 'none'") == 1
