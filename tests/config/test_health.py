"""/healthz tells that the process answers, /readyz which part does not."""

import json

import kombu
import pytest
from django.test import Client
from django.utils.timezone import now

from config import views
from config.celery import app as celery_app
from generation.models import EngineLease


@pytest.fixture(autouse=True)
def nothing_known():
    """No test hears the answer of another one."""
    views._readiness.forget()
    yield
    views._readiness.forget()


@pytest.fixture
def worker(db):
    """A worker that gave a sign of life just now."""
    EngineLease.objects.update_or_create(pk=1, defaults={"beat_at": now()})


def test_healthz_needs_no_database_and_no_host_name():
    response = Client().get("/healthz", headers={"host": "10.0.0.7:8000"})

    assert (response.status_code, response.content) == (200, b"ok\n")
    assert response["Cache-Control"] == "no-store"


def test_readyz_names_every_part(client, worker):
    response = client.get("/readyz", headers={"host": "10.0.0.7"})

    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "parts": {"database": "ok", "broker": "ok", "storage": "ok", "worker": "ok"},
    }


def test_readyz_is_503_without_a_worker(client, db):
    EngineLease.objects.all().delete()

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["parts"]["worker"] == "down"


def test_readyz_is_503_when_the_broker_does_not_answer_and_tells_no_secret(
    client, worker, monkeypatch, settings
):
    settings.CELERY_BROKER_URL = "redis://:s3cret-word@127.0.0.1:1/0"
    # Not by changing the app's settings: its pool of connections would remember the dead address.
    dead = kombu.Connection(
        settings.CELERY_BROKER_URL, transport_options={"socket_connect_timeout": 1}
    )
    monkeypatch.setattr(celery_app, "connection_for_write", lambda: dead)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert json.loads(response.content)["parts"]["broker"] == "down"
    assert b"s3cret" not in response.content


def test_readyz_is_503_when_files_cannot_be_stored(client, worker, settings, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("where a folder should be")
    settings.FILES_DIR = blocked / "files"

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["parts"]["storage"] == "down"


def test_readyz_looks_at_the_parts_every_five_seconds_at_most(
    client, worker, settings, tmp_path, monkeypatch
):
    seconds = 100.0
    monkeypatch.setattr(views._readiness, "clock", lambda: seconds)
    settings.FILES_DIR = tmp_path / "files"
    assert client.get("/readyz").status_code == 200
    settings.FILES_DIR = tmp_path / "file" / "files"
    (tmp_path / "file").write_text("where a folder should be")

    seconds += 4.9
    assert client.get("/readyz").status_code == 200
    seconds += 0.2
    assert client.get("/readyz").json()["parts"]["storage"] == "down"

    # What is down is looked at sooner: a start waits for it.
    settings.FILES_DIR = tmp_path / "files"
    seconds += 1.1
    assert client.get("/readyz").status_code == 200
