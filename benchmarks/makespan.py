"""How long 300 jobs take at both providers' real numbers of places, against two measures.

Against the least that is possible, and against a script for asyncio that drives the same sandbox at
the same time under a key of its own, so that both meet the same machine. Time runs `SPEED` times as
fast: a result takes 4.8 to 7.2 s instead of 48 to 72, a status may be asked about every 0.1 s instead
of every second. The median of three runs.
"""

from __future__ import annotations

import heapq
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import stage
from benchmarks.figures import Figure, percentile
from benchmarks.naive import run_naive
from catalog.models import Asset
from catalog.storage import storage
from generation.models import Job
from teams.models import Team

SPEED = 10.0
SECONDS = (4.8, 7.2)
"""Wall-clock seconds of one result, least and most."""
PLACES = {"sellerpic": 10, "fashn": 6}
JOBS = (188, 112)
"""At SellerPic and at FASHN: in the ratio of their places, so that both take as long."""
RUNS = 3


@dataclass(frozen=True, slots=True)
class Span:
    """One run of the product: seconds, the least there could be, and what it took.

    `delays` are those of its results, from the provider's last stroke until they can be reviewed.
    """

    seconds: float
    ideal: float
    delays: list[float]
    usage: stage.Usage
    memory_mb: float


def ideal_seconds(durations: list[float], places: int) -> float:
    """How long tasks of these durations take where each place takes the next one at once.

    With equal durations that is ceil(tasks / places) x duration.
    """
    free_at = [0.0] * places
    for duration in durations:
        heapq.heapreplace(free_at, free_at[0] + duration)
    return max(free_at)


def run() -> Iterator[Figure]:
    """Product and script side by side; then the naive design, on half as many jobs."""
    team, photo = stage.make_studio()
    floors = dict.fromkeys(PLACES, 1.0 / SPEED)
    with stage.sandbox(seconds=SECONDS, **PLACES) as url, tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "photo.jpg"
        storage().fetch(photo.key, picture)
        pairs = []
        for number in range(RUNS):
            pairs.append(run_pair(url, team, photo, picture, floors, JOBS))
            ours, theirs = pairs[-1]
            print(
                f"  run {number + 1}: product {ours.seconds:.1f} s, ideal {ours.ideal:.1f} s,"
                f" script {theirs:.1f} s",
                flush=True,
            )
        naive = run_naive(url, picture, floors["sellerpic"], (JOBS[0] // 2, JOBS[1] // 2))
    yield from compare("makespan", pairs, target=1.05)
    late = [delay for ours, _theirs in pairs for delay in ours.delays]
    yield Figure("makespan_result_delay_p50", percentile(late, 0.5), "s")
    yield Figure("makespan_result_delay_p95", percentile(late, 0.95), "s")
    for name, used, memory_mb, jobs in (
        ("worker", pairs[-1][0].usage, pairs[-1][0].memory_mb, sum(JOBS)),
        ("naive", naive.usage, naive.memory_mb, sum(JOBS) // 2),
    ):
        per_1000 = 1000 / jobs
        yield Figure(f"{name}_cpu_seconds_per_1000_jobs", used.own_seconds * per_1000, "s")
        yield Figure(
            f"{name}_decoding_cpu_seconds_per_1000_jobs", used.child_seconds * per_1000, "s"
        )
        yield Figure(f"{name}_peak_memory", memory_mb, "MB", digits=0)


def compare(
    name: str, pairs: list[tuple[Span, float]], *, target: float | None
) -> Iterator[Figure]:
    """The medians of the product's and the script's seconds, and of their ratios in each run."""
    product = statistics.median(ours.seconds for ours, _theirs in pairs)
    script = statistics.median(theirs for _ours, theirs in pairs)
    to_ideal = statistics.median(ours.seconds / ours.ideal for ours, _theirs in pairs)
    to_script = statistics.median(ours.seconds / theirs for ours, theirs in pairs)
    yield Figure(f"{name}_seconds", product, "s", digits=1)
    yield Figure(f"{name}_script_seconds", script, "s", digits=1)
    yield Figure(f"{name}_vs_ideal", to_ideal, target=target, digits=3)
    yield Figure(f"{name}_vs_asyncio", to_script, target=target, digits=3)


def run_pair(
    url: str,
    team: Team,
    photo: Asset,
    picture: Path,
    floors: dict[str, float],
    jobs_each: tuple[int, int],
) -> tuple[Span, float]:
    """Let the product and the script begin in the same moment; what each of them took.

    The product's jobs are launched while its accounts are closed, and begin when these are opened.
    """
    told = {
        "SELLERPIC_SLOTS": PLACES["sellerpic"],
        "FASHN_SLOTS": PLACES["fashn"],
        "SELLERPIC_MIN_POLL_SECONDS": floors["sellerpic"],
        "FASHN_MIN_POLL_SECONDS": floors["fashn"],
    }
    order = {"url": url, "photo": str(picture), "jobs": jobs_each, "interval": floors, **PLACES}
    with stage.worker(SPEED, **told) as process:
        stage.open_accounts(is_paused=True)
        jobs = stage.order_at_both(team, photo, *jobs_each)
        before = stage.usage(process.pid)
        with (
            stage.MemoryWatch(process.pid) as memory,
            subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "benchmarks.script", json.dumps(order)],
                stdout=subprocess.PIPE,
                text=True,
            ) as script,
        ):
            began = time.time()
            stage.open_accounts(is_paused=False)
            stage.wait_for_end(jobs)
            after = stage.usage(process.pid)
            answer, _nothing = script.communicate()
    for job in jobs:
        job.refresh_from_db()
    ended = max(job.finished_at.timestamp() for job in jobs if job.finished_at is not None)
    spent = stage.Usage(
        after.own_seconds - before.own_seconds,
        after.child_seconds - before.child_seconds,
        after.peak_mb,
    )
    ours = Span(ended - began, _ideal(url, jobs), stage.delays(url, jobs), spent, memory.peak_mb)
    return ours, float(answer)


def _ideal(url: str, jobs: list[Job]) -> float:
    spans = stage.spans_at_provider(url)
    tasks: dict[str, list[tuple[float, float]]] = {name: [] for name in PLACES}
    for job in jobs:
        tasks["fashn" if job.offer == "fashn" else "sellerpic"].append(spans[job.remote_id])
    return max(
        ideal_seconds([end - begun for begun, end in sorted(tasks[name])], places)
        for name, places in PLACES.items()
    )
