"""The design to compare with: one Celery task for each job, which sleeps until its job is done.

As many processes as the providers have places, for a task that sleeps takes one. Decodes and writes
what comes back as the product does, and keeps nothing else.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from celery import Celery

from benchmarks import stage
from config import transport

app = Celery("naive", set_as_current=False)
app.conf.update(
    broker_url=f"{transport.SCHEME}://localhost/",
    broker_transport_options={"polling_interval": 0.1, "folder": os.environ.get("NAIVE_DIR", "")},
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    task_queues={"sellerpic": {}, "fashn": {}},
    task_ignore_result=True,
)


@dataclass(frozen=True, slots=True)
class Naive:
    """A run of the naive design."""

    seconds: float
    usage: stage.Usage
    memory_mb: float


@app.task
def run_job(url: str, provider: str, photo: str, interval: float, to: str) -> None:
    """One job from its submit to its file."""
    from catalog import limited

    with httpx.Client(
        base_url=url, headers={"Authorization": "Bearer sandbox-naive"}, timeout=60
    ) as http:
        link = (
            _sellerpic(http, photo, interval)
            if provider == "sellerpic"
            else _fashn(http, photo, interval)
        )
        half = Path(to).with_suffix(".half")
        half.write_bytes(http.get(link).content)
    limited.inspect_picture(half, max_bytes=50_000_000, max_pixels=60_000_000)
    half.rename(to)


def run_naive(url: str, picture: Path, interval: float, jobs: tuple[int, int]) -> Naive:
    """Run all jobs; a pool of ten processes for SellerPic's and one of six for FASHN's."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        results.mkdir()
        broker = Path(folder) / "broker"
        broker.mkdir()
        environment = {**os.environ, "NAIVE_DIR": str(broker)}
        pools = [
            subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "benchmarks.naive_app", "worker",
                 "--pool=prefork", f"--concurrency={count}", f"--queues={queue}",
                 "--without-gossip", "--without-mingle", "--without-heartbeat"],
                env=environment,
                start_new_session=True,
            )
            for queue, count in (("sellerpic", 10), ("fashn", 6))
        ]  # fmt: skip
        try:
            return _measure(pools, url, picture, interval, jobs, results, str(broker))
        finally:
            for pool in pools:
                pool.send_signal(signal.SIGTERM)
            for pool in pools:
                pool.wait()


def _measure(
    pools: list[subprocess.Popen[bytes]],
    url: str,
    picture: Path,
    interval: float,
    jobs: tuple[int, int],
    results: Path,
    broker: str,
) -> Naive:
    app.conf.broker_transport_options = {"polling_interval": 0.1, "folder": broker}
    stage.wait_until(lambda: all(len(stage.family(pool.pid)) > 6 for pool in pools), 60)
    before = _used(pools)
    began = time.monotonic()
    with stage.MemoryWatch(*(pool.pid for pool in pools)) as memory:
        for provider, count in zip(("sellerpic", "fashn"), jobs, strict=True):
            for number in range(count):
                to = str(results / f"{provider}-{number}.png")
                run_job.apply_async((url, provider, str(picture), interval, to), queue=provider)
        stage.wait_until(lambda: len(list(results.glob("*.png"))) == sum(jobs), 600, 0.5)
    seconds = time.monotonic() - began
    after = _used(pools)
    spent = stage.Usage(after[0] - before[0], after[1] - before[1], 0.0)
    return Naive(seconds, spent, memory.peak_mb)


def _used(pools: list[subprocess.Popen[bytes]]) -> tuple[float, float]:
    """Seconds of the pools' processes and of the decoders that they ran, so far."""
    used = [stage.usage(pid) for pool in pools for pid in stage.family(pool.pid)]
    return sum(one.own_seconds for one in used), sum(one.child_seconds for one in used)


def _sellerpic(http: httpx.Client, photo: str, interval: float) -> str:
    files = {"file": ("a.jpg", Path(photo).read_bytes())}
    key = http.post("/v1/api/upload", files=files).json()["data"]["fileKey"]
    body: dict[str, Any] = {
        "productImageKey": key,
        "replaceType": "SOLID_COLOR_BACKGROUND",
        "backgroundColor": "#ffffff",
    }
    task = http.post("/v1/api/generate/replaceBackground", json=body).json()["data"]["id"]
    while True:
        time.sleep(interval)
        status = http.get("/v1/api/generate", params={"id": task}).json()
        item = status["data"]["resultList"][0]
        if item["status"] == "SUCCESS":
            query = {"id": item["id"], "downloadFormat": "png"}
            return str(http.get("/v1/api/download", params=query).json()["data"]["fileUrl"])


def _fashn(http: httpx.Client, photo: str, interval: float) -> str:
    data = "data:image/jpeg;base64," + base64.b64encode(Path(photo).read_bytes()).decode()
    inputs = {"model_image": data, "num_images": 1, "generation_mode": "fast"}
    run = http.post("/v1/run", json={"model_name": "model-swap", "inputs": inputs})
    while True:
        time.sleep(interval)
        status = http.get(f"/v1/status/{run.json()['id']}").json()
        if status["status"] == "completed":
            return str(status["output"][0])
