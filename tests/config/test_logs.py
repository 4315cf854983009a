"""Log lines are JSON with their context, and carry no secret."""

import io
import json
import logging
import sys

import pytest

from config import lifeline, logs


def line(message, *args, level=logging.INFO, exc_info=None, **extra):
    """One formatted record."""
    record = logging.getLogger("tests").makeRecord(
        "tests", level, __file__, 1, message, args, exc_info, extra=extra
    )
    logs.ContextFilter().filter(record)
    return logs.JsonFormatter().format(record)


def test_a_line_is_one_object_with_what_the_record_carries():
    token = logs.request_id.set("abcdef123456")
    try:
        record = json.loads(line("Job %s submitted.", 7, job="j-1", trace="t-9"))
    finally:
        logs.request_id.reset(token)

    assert record.pop("time")
    assert record == {
        "level": "INFO",
        "logger": "tests",
        "message": "Job 7 submitted.",
        "request_id": "abcdef123456",
        "job": "j-1",
        "trace": "t-9",
    }


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer sk-live-0123456789",
        "header authorization=Basic ZGVtbzpodW50ZXIy0123456789",
        "postgresql://diptych:hunter2-0123456789@db:5432/diptych",
        '{"password": "hunter2-0123456789", "email": "a@example.com"}',
        "{'api_key': 'hunter2-0123456789'}",
        "x-api-key: hunter2-0123456789",
        "SELLERPIC_API_KEY=hunter2-0123456789 is set",
        "Cookie: 'sessionid=hunter2-0123456789'",
        "GET /files/hunter2-0123456789:1abc:sig?x=1",
        "POST /uploads/local/hunter2-0123456789",
        "GET /invitations/hunter2-0123456789/",
        "https://bucket/key?X-Amz-Credential=AK&X-Amz-Signature=hunter2-0123456789",
        "/accounts/password/reset/key/1-hunter2-0123456789/",
        "csrfmiddlewaretoken=hunter2-0123456789&name=x",
    ],
)
def test_what_grants_access_is_hidden(text):
    shown = logs.redact(text)

    assert "0123456789" not in shown
    assert "[hidden]" in shown or "***" in shown
    # Inside JSON, where quotes are escaped, as well.
    assert "0123456789" not in line("Sent %s", text)
    assert "0123456789" not in line("Sent.", note=text)


@pytest.mark.parametrize(
    "text",
    [
        "The password was changed.",
        "Job 0f1d at /t/demo/jobs/0f1d/ is ready.",
        "No secret here: the key of the photo is t/demo/in/7.jpg",
        "GET /t/demo/products/ 200",
        "https://api.example.com/v1/tasks",
    ],
)
def test_ordinary_words_stay(text):
    assert logs.redact(text) == text


def test_a_secret_this_installation_knows_is_hidden_wherever_it_stands(settings):
    settings.SECRET_KEY = "known-to-the-settings-only"
    logs._secret_values.cache_clear()
    try:
        assert logs.redact("odd known-to-the-settings-only place") == "odd [hidden] place"
    finally:
        logs._secret_values.cache_clear()


def test_tracebacks_are_kept_and_redacted():
    try:
        raise ValueError("password='hunter2-0123456789'")
    except ValueError:
        record = json.loads(line("Failed.", level=logging.ERROR, exc_info=sys.exc_info()))

    assert "ValueError" in record["exc_info"]
    assert "hunter2" not in record["exc_info"]


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:8000/accounts/password/reset/key/1-hunter2-0123456789/",
        "http://127.0.0.1:8000/invitations/hunter2-0123456789/",
    ],
)
def test_a_link_for_the_person_at_the_terminal_is_shown_whole(link, monkeypatch):
    monkeypatch.setenv(lifeline.VARIABLE, "9")
    stream = io.StringIO()
    logger = logging.Logger("terminal")
    logger.addHandler(logs.TerminalHandler(stream))

    logger.info("Mail to %s: %s", "eve@example.com\n\x1b[2Jforged\u202e", link)

    shown = rf"Mail to eve@example.com\n\x1b[2Jforged\u202e: {link}"
    assert stream.getvalue() == f"{logs.TERMINAL_MARK}{shown}\n"


def test_a_link_is_written_nowhere_when_nobody_sits_there(monkeypatch):
    monkeypatch.delenv(lifeline.VARIABLE, raising=False)
    stream = io.StringIO()

    logs.TerminalHandler(stream).handle(logging.makeLogRecord({"msg": "http://secret"}))

    assert stream.getvalue() == ""


def test_the_settings_send_terminal_words_to_the_terminal_alone(settings):
    assert settings.LOGGING["loggers"]["terminal"] == {
        "handlers": ["terminal"],
        "level": "INFO",
        "propagate": False,
    }
    assert settings.LOGGING["handlers"]["terminal"]["class"] == "config.logs.TerminalHandler"


def test_a_path_cannot_forge_a_line_of_text():
    formatter = logs.TextFormatter("{levelname}: {message}", style="{")
    record = logging.makeLogRecord(
        {"levelname": "INFO", "msg": "GET %s 404", "args": ("/a\nERROR: x\r\x85\u2028y",)}
    )

    assert formatter.format(record) == r"INFO: GET /a\nERROR: x\r\x85\u2028y 404"
