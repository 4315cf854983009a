"""A task's life by the clock: states, credits, links, concurrency, and a killed process."""

from __future__ import annotations

import io
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from sandbox.__main__ import main
from sandbox.app import create_app
from sandbox.server import serve_in_thread
from tests.sandbox.conftest import KEY, SANDBOX, encoded, fetch, photo, wait_for


def test_items_are_created_then_run_then_succeed_one_by_one(provider):
    task_id = provider.start()
    assert [item["status"] for item in provider.status(task_id)] == ["CREATED", "CREATED"]
    assert provider.app.room.wait_until_drawn()
    provider.clock.tick(1)
    items = provider.status(task_id)
    assert [item["status"] for item in items] == ["RUNNING", "RUNNING"]
    assert [item["fileUrl"] for item in items] == [None, None]
    seen = set()
    for _ in range(100):
        provider.clock.tick(0.1)
        seen.add(tuple(item["status"] for item in provider.status(task_id)))
    assert ("SUCCESS", "SUCCESS") in seen
    assert seen & {("SUCCESS", "RUNNING"), ("RUNNING", "SUCCESS")}
    done = provider.status(task_id)
    assert [item["id"] for item in done] == [item["id"] for item in items]
    assert all(item["errorCode"] == 0 and item["errorMsg"] is None for item in done)


def test_two_credits_are_debited_as_each_picture_succeeds(provider):
    task_id = provider.start()
    assert provider.usage() == {"remaining": 100, "total": 100, "usage": 0}
    assert provider.app.room.wait_until_drawn()
    spent = []
    for _ in range(100):
        provider.clock.tick(0.1)
        done = sum(item["status"] == "SUCCESS" for item in provider.status(task_id))
        assert provider.usage()["usage"] == 2 * done
        spent.append(2 * done)
    assert set(spent) == {0, 2, 4}


def test_an_account_without_credits_is_refused(provider):
    provider.http.post("/__sandbox__/reset", json={"balance": 7})
    provider.start()
    body = provider.submit().json()
    assert body["code"] == 99003
    assert "credit" in body["msg"]
    assert provider.stats()["accepted"] == 1


def test_the_eleventh_task_at_once_is_refused_with_30003(provider):
    tasks = [provider.start() for _ in range(10)]
    refused = provider.submit()
    assert (refused.status_code, refused.json()["code"]) == (200, 30003)
    provider.finish(tasks[-1])
    provider.start()
    stats = provider.stats()
    assert stats["max_in_flight"] == {"general": 10}
    assert stats["accepted"] == 11
    assert stats["refused"] == {"busy": 1}


def test_a_download_link_stays_the_same_for_12_hours_then_dies_and_is_reissued(provider):
    item = provider.finish(provider.start())[0]
    link = provider.download(item["id"])["fileUrl"]
    provider.clock.tick(12 * 3600 - 1)
    assert provider.download(item["id"])["fileUrl"] == link
    assert fetch(link).status_code == 200
    provider.clock.tick(1)
    assert fetch(link).status_code == 403
    fresh = provider.download(item["id"])["fileUrl"]
    assert fresh != link
    assert fetch(fresh).status_code == 200


def test_downloads_come_in_the_format_asked_for(provider):
    item = provider.finish(provider.start())[0]
    for kind, name, mime in (
        ("jpg", "JPEG", "image/jpeg"),
        ("png", "PNG", "image/png"),
        ("webp", "WEBP", "image/webp"),
    ):
        data = provider.download(item["id"], kind)
        assert data["status"] == "SUCCESS"
        assert data["name"].endswith(f".{kind}")
        answer = fetch(data["fileUrl"])
        assert answer.headers["content-type"] == mime
        picture = Image.open(io.BytesIO(answer.content))
        assert (picture.format, picture.size) == (name, (240, 320))
    answer = fetch(provider.download(item["id"], "jpg", uhd="true")["fileUrl"])
    assert Image.open(io.BytesIO(answer.content)).size == (3072, 4096)
    bad = provider.http.get("/v1/api/download", params={"id": item["id"], "downloadFormat": "gif"})
    assert bad.json()["code"] == 99001


def test_a_download_before_success_has_no_link(provider):
    item = provider.status(provider.start())[0]
    data = provider.download(item["id"])
    assert (data["status"], data["fileUrl"]) == ("CREATED", None)


def test_status_polls_are_told_with_their_times(provider):
    task_id = provider.start()
    for wait in (0, 60, 30):
        provider.clock.tick(wait)
        provider.status(task_id)
    times = provider.stats()["polls"][task_id]
    assert [later - times[0] for later in times] == [0, 60, 90]
    assert provider.stats()["polls_too_soon"] == 1


def test_reset_forgets_tasks_and_files_and_sets_the_balance(provider):
    task_id = provider.start()
    provider.fault("busy")
    answer = provider.http.post("/__sandbox__/reset", json={"balance": 12})
    assert answer.json() == {"balance": 12}
    missing = provider.http.get("/v1/api/generate", params={"id": task_id})
    assert missing.status_code == 404
    stats = provider.stats()
    assert (stats["submits"], stats["accepted"], stats["tasks"]) == (0, 0, [])
    assert provider.usage() == {"remaining": 12, "total": 12, "usage": 0}
    provider.start()


def test_state_is_taken_up_where_it_was_left(tmp_path, provider):
    task_id = provider.start()
    provider.fault("busy", times=2)
    provider.app.close()
    with (
        create_app(tmp_path / "sandbox", clock=provider.clock, balance=5) as app,
        serve_in_thread(app) as server,
        httpx.Client(base_url=server.url, headers=KEY) as http,
    ):
        provider.clock.tick(10)
        assert app.room.wait_until_drawn()
        items = http.get("/v1/api/generate", params={"id": task_id}).json()["data"]["resultList"]
        assert [item["status"] for item in items] == ["SUCCESS", "SUCCESS"]
        assert http.get("/v1/api/usage").json()["data"]["remaining"] == 96
        assert http.get("/__sandbox__/faults").json()["faults"] == [
            {"kind": "busy", "on": "submit", "times": 2}
        ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(folder: Path, port: int, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--data", str(folder)]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ})
    wait_for(lambda: answers(f"http://127.0.0.1:{port}/healthz"))
    return process


def answers(url: str) -> bool:
    try:
        return fetch(url).status_code == 200
    except httpx.TransportError:
        return False


def test_a_killed_process_loses_no_task_and_a_stopped_one_leaves_cleanly(tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = serve(tmp_path, port, speed=20)
    with httpx.Client(base_url=url, headers=KEY) as http:
        files = {"file": ("a.png", encoded(photo()), "image/png")}
        key = http.post("/v1/api/upload", files=files).json()["data"]["fileKey"]
        model = http.get("/v1/api/presets?type=SWAP_MODEL").json()["data"]["list"][0]["id"]
        body = {"modelImageKey": key, "modelId": model}
        task = http.post("/v1/api/generate/swapModel", json=body).json()["data"]["id"]
        process.send_signal(signal.SIGKILL)
    process.communicate()

    process = serve(tmp_path, port, speed=20)
    with httpx.Client(base_url=url, headers=KEY) as http:

        def results() -> Any:
            answer = http.get("/v1/api/generate", params={"id": task}).json()
            return answer["data"]["resultList"]

        wait_for(lambda: all(item["status"] == "SUCCESS" for item in results()))
        for item in results():
            Image.open(io.BytesIO(fetch(item["fileUrl"]).content)).load()
        assert http.get("/v1/api/usage").json()["data"]["usage"] == 4
        process.terminate()
        _, log = process.communicate(timeout=10)
    assert process.returncode == 0
    assert b"sandbox is ready at" in log
    assert b"Bearer" not in log
    assert task.encode() not in log


def test_a_taken_port_is_one_sentence_and_exit_1(tmp_path, provider):
    port = str(provider.http.base_url.port)
    command = [sys.executable, "-m", "sandbox", "--port", port, "--data", str(tmp_path / "other")]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=20)
    assert ended.returncode == 1
    assert ended.stderr.decode().startswith("The sandbox cannot start: ")
    assert ended.stderr.count(b"\n") == 1


def test_a_sandbox_without_a_folder_leaves_nothing_behind(tmp_path):
    faults = tmp_path / "faults.toml"
    faults.write_text('[[fault]]\nkind = "unauthorized"\non = "usage"\n')
    port = free_port()
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--plain-pictures"]
    process = subprocess.Popen(
        [*command, "--seed", "7", "--faults", str(faults)],
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: answers(f"{url}/healthz"))
    (folder,) = tmp_path.glob("sandbox-*")
    assert (folder / "sandbox.sqlite3").exists()
    with httpx.Client(base_url=url, headers=KEY) as http:
        assert [http.get("/v1/api/usage").status_code for _ in range(2)] == [401, 200]
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == [faults]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--speed", "0"], "--speed must be more than 0."),
        (["--balance", "-1"], "--balance must be 0 or more."),
        (["--faults", "/nowhere/faults.toml"], "/nowhere/faults.toml cannot be read"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_with_a_sentence(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_what_another_version_left_is_dropped(tmp_path, caplog):
    file = sqlite3.connect(tmp_path / "sandbox.sqlite3")
    file.execute("CREATE TABLE task (id INTEGER PRIMARY KEY, colour TEXT)")
    file.commit()
    file.close()
    with create_app(tmp_path) as app:
        assert app.store.tasks() == []
    assert caplog.messages == ["The data of an older sandbox are dropped."]
    caplog.clear()
    create_app(tmp_path).close()
    assert caplog.messages == []


def test_what_ended_is_charged_once_whoever_asks_first(provider):
    tasks = [provider.start() for _ in range(3)]
    assert provider.app.room.wait_until_drawn()
    store = provider.app.store
    assert store.credits_promised(SANDBOX, provider.clock()) == 12
    provider.clock.tick(20)
    assert store.in_flight(SANDBOX, "general", provider.clock()) == 0
    assert store.credits_promised(SANDBOX, provider.clock()) == 0
    for _ in range(2):
        assert provider.usage()["usage"] == 12
    assert len(tasks) == provider.stats()["accepted"]


def test_a_picture_that_cannot_be_drawn_fails_and_costs_nothing(provider):
    key = provider.upload()
    upload = provider.app.store.upload(key, SANDBOX)
    provider.app.room.upload_path(upload.file).write_bytes(b"broken")
    items = provider.finish(provider.start(modelImageKey=key))
    assert [(item["status"], item["errorCode"]) for item in items] == [("FAILED", 99010)] * 2
    assert provider.usage()["usage"] == 0
    assert provider.app.store.credits_promised(SANDBOX, provider.clock()) == 0


def test_connections_are_kept_alive(provider):
    for _ in range(3):
        provider.usage()
    with socket.create_connection(("127.0.0.1", provider.http.base_url.port)) as raw:
        ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        raw.sendall(ask + ask)
        received = b""
        while received.count(b"200 OK") < 2:
            received += raw.recv(4096)
    assert received.count(b'{"status": "ok"}') == 2
