"""What it costs to have 1,000 and 5,000 tasks at the provider at once: per check, and in memory.

The sandbox's limits are raised and its tasks never end, so that the worker does nothing but ask for
each of them once a minute, as SellerPic wants. Time runs as in life.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from django.utils.timezone import now

from benchmarks import stage
from benchmarks.figures import Figure
from catalog.models import Asset
from catalog.storage import storage
from generation.models import Job, Pool, State
from generation.operations import sellerpic
from generation.providers.registry import current_account
from teams.models import Team

LEVELS = (1000, 5000)
MINUTE = 60.0
WARM_UP, WINDOW = 10.0, 30.0
"""Seconds before and of a measurement."""


def run() -> Iterator[Figure]:
    """The same worker at either level, the second on top of the first."""
    team, photo = stage.make_studio()
    told = {"SELLERPIC_MIN_POLL_SECONDS": MINUTE, "SELLERPIC_SEGMENT_SLOTS": 20_000}
    never = (86_400.0, 90_000.0)
    with (
        stage.sandbox(seconds=never, sellerpic=100_000) as url,
        stage.worker(1.0, **told) as worker,
    ):
        costs: list[float] = []
        memory: list[float] = []
        in_flight = 0
        for level in LEVELS:
            _put_in_flight(team, _begin_tasks(url, photo, level - in_flight), first=in_flight)
            in_flight = level
            time.sleep(WARM_UP)
            before, polls = stage.usage(worker.pid), _polls(url)
            time.sleep(WINDOW)
            after, polls = stage.usage(worker.pid), _polls(url) - polls
            costs.append(1000 * (after.own_seconds - before.own_seconds) / polls)
            memory.append(after.peak_mb)
            yield Figure(f"in_flight_{level}_checks_per_second", polls / WINDOW, digits=1)
            yield Figure(f"in_flight_{level}_cpu_ms_per_check", costs[-1], "ms")
            yield Figure(f"in_flight_{level}_peak_memory", memory[-1], "MB", digits=0)
        Job.objects.unfinished().update(due_at=now() + timedelta(days=1))
    yield Figure("in_flight_cpu_per_check_growth", costs[-1] / costs[0], target=1.1)
    yield Figure("in_flight_memory_growth", memory[-1] / memory[0], target=1.2)


def _begin_tasks(url: str, photo: Asset, count: int) -> list[str]:
    """Tasks at the sandbox's own door, as quickly as it takes them; their ids."""
    with TemporaryDirectory() as folder:
        picture = Path(folder) / "photo.jpg"
        storage().fetch(photo.key, picture)
        return asyncio.run(_submit(url, picture.read_bytes(), count))


async def _submit(url: str, photo: bytes, count: int) -> list[str]:
    async with httpx.AsyncClient(
        base_url=url, headers={"Authorization": "Bearer sandbox"}, timeout=120
    ) as http:
        uploaded = await http.post("/v1/api/upload", files={"file": ("a.jpg", photo)})
        body = {"imageKey": uploaded.json()["data"]["fileKey"], "prompt": "dress"}
        places = asyncio.Semaphore(8)

        async def submit() -> str:
            async with places:
                answer = await http.post("/v1/api/generate/promptSegmentation", json=body)
            return str(answer.json()["data"]["id"])

        return await asyncio.gather(*(submit() for _ in range(count)))


def _put_in_flight(team: Team, tasks: list[str], *, first: int) -> None:
    """Running jobs of these tasks, as the engine leaves them, asked about within the next minute."""
    account = current_account("sellerpic")
    pool = Pool.objects.get(account=account, name=sellerpic.SEGMENT_PROMPT)
    at, chance = now(), random.Random(0)  # noqa: S311 - spreads work, guards nothing
    Job.objects.bulk_create(
        [
            Job(
                team=team,
                request_key=uuid.uuid4(),
                operation="segment_by_prompt",
                account=account,
                pool=pool,
                options={"prompt": "dress"},
                expected_outputs=1,
                unit_price=0,
                price=0,
                price_version="-",
                state=State.RUNNING,
                slot=first + number,
                attempt_count=1,
                remote_id=task,
                submitted_at=at,
                due_at=at + timedelta(seconds=chance.uniform(0, MINUTE)),
            )
            for number, task in enumerate(tasks)
        ],
        batch_size=200,
    )


def _polls(url: str) -> int:
    stats = httpx.get(f"{url}/__sandbox__/stats", timeout=60).json()
    return int(stats["calls"].get("status", {}).get("ok", 0))
