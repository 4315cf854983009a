"""How an engine begins and ends: on its own, by a fault, with its worker, beside other workers."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from typing import Any, cast

import pytest
from celery import Celery
from celery.worker import WorkController

from generation import engine as package
from generation.engine.bootstep import EngineStep
from generation.engine.engine import Engine
from generation.models import EngineLease, Job
from tests.engine.conftest import QUICK, wait_for_state, wait_until
from tests.engine.fashn import launch_fashn
from tests.factories import launch_swap, make_photo, make_product


def test_an_engine_that_cannot_start_says_so_and_can_be_stopped(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    (tmp_path / "scratch").write_text("A file where a folder belongs.")
    failed = threading.Event()
    engine = Engine(timing=QUICK, on_failure=failed.set, with_chores=False)

    engine.start()

    assert failed.wait(5)
    assert engine not in package._running
    engine.stop()


def test_an_engine_whose_loop_ends_by_itself_says_so(start_engine):
    failed = threading.Event()
    engine = start_engine(
        timing=replace(QUICK, tick=cast(float, None)),  # No number: a pause cannot be told.
        on_failure=failed.set,
    )

    assert failed.wait(20)
    wait_until(lambda: not EngineLease.objects.exclude(holder="").exists())
    assert not engine.is_active


def test_an_engine_that_is_asked_to_stop_did_not_fail(start_engine):
    failed = threading.Event()
    engine = start_engine(on_failure=failed.set)
    wait_until(lambda: engine.is_active)

    engine.stop()

    assert not failed.is_set()
    assert not engine.is_active


def test_an_engine_that_is_stopped_before_its_loop_runs_ends_at_once(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    failed = threading.Event()
    engine = Engine(timing=QUICK, on_failure=failed.set, with_chores=False)
    engine.stop()

    engine.start()
    engine.stop()

    assert not failed.is_set()
    assert not (tmp_path / "scratch").exists()


def test_a_worker_whose_engine_cannot_start_ends(tmp_path):
    (tmp_path / "main").mkdir()
    (tmp_path / "main" / "scratch").write_text("A file where a folder belongs.")
    given = {
        "database": str(tmp_path / "none.sqlite3"),
        "sandbox_url": "http://127.0.0.1:9619",
        "slots": 1,
        "timing": asdict(QUICK),
        "die_at": "",
        "die_rate": 0.0,
    }
    environment = {**os.environ, "ENGINE_TEST": json.dumps(given), "TEST_DATA_DIR": str(tmp_path)}
    environment.pop("PYTEST_XDIST_WORKER", None)

    ended = subprocess.run(
        [sys.executable, "-m", "tests.engine.worker"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 0, "it was told to end in good order"
    assert "The worker ends, since it has no engine any more." in ended.stderr


def test_a_leftover_that_another_worker_removes_first_does_no_harm(
    start_engine, tmp_path, settings
):
    settings.DATA_DIR = tmp_path
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "engine-gone").symlink_to(tmp_path / "nowhere")

    engine = start_engine()

    wait_until(lambda: engine.is_active)
    own = [path for path in (tmp_path / "scratch").glob("engine-*") if path.is_dir()]
    assert len(own) == 1, "it has a folder of its own beside the leftover"


def test_a_provider_that_hangs_holds_up_no_other(sandbox, start_engine, team, monkeypatch):
    monkeypatch.setattr("generation.engine.engine.POLLING_AT_ONCE", 1)
    sandbox.plan("slow", on="status", seconds=5, times=None, provider="sellerpic")
    photo = make_photo(make_product(team), size=(240, 300), with_renditions=False)
    hanging = [launch_swap(team, photo=photo, model=sandbox.model()) for _ in range(2)]
    start_engine(timing=replace(QUICK, drain=0.1))
    wait_until(lambda: sandbox.stats()["calls"].get("status"))

    wait_for_state(launch_fashn(team, photo=photo), "succeeded")

    assert {Job.objects.get(pk=job.pk).state for job in hanging} == {"running"}


# --- Within a worker ------------------------------------------------------------------------------


def steps_of(queues):
    app = Celery("engine-life", broker="memory://", set_as_current=False)
    app.conf.update(task_queues={"default": {}, "media": {}}, task_create_missing_queues=False)
    app.conf.worker_hijack_root_logger = False
    app.steps["worker"].add(EngineStep)
    worker: Any = WorkController(app=app, queues=queues, pool_cls="solo", concurrency=1)
    return [type(step) for step in worker.steps]


@pytest.mark.parametrize(
    ("queues", "has_engine"), [("default,media", True), ("default", True), ("media", False)]
)
def test_a_worker_that_reads_media_alone_has_no_engine(queues, has_engine):
    assert (EngineStep in steps_of(queues)) is has_engine


def test_a_cold_shutdown_waits_for_no_submit(sandbox, start_engine, team):
    sandbox.plan("slow", seconds=2)
    engine = start_engine()
    wait_for_state(launch_swap(team, model=sandbox.model()), "submitting")
    step = EngineStep.__new__(EngineStep)
    step._engine = engine

    began = time.monotonic()
    step.terminate(None)

    assert time.monotonic() - began < 0.5
