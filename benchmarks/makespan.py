"""How long 300 jobs take at both providers' real numbers of places, against two measures.

Against the least that is possible, and against a script for asyncio that drives the same sandbox in
turn with the product. Time runs `SPEED` times as fast: a result takes 2.4 to 3.6 s instead of 24 to
36, a status may be asked every 0.1 s instead of every second. The median of three runs each.
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
SECONDS = (2.4, 3.6)
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
    """The product and the script in turn; then the naive design on the same jobs."""
    team, photo = stage.make_studio()
    floors = dict.fromkeys(PLACES, 1.0 / SPEED)
    with stage.sandbox(seconds=SECONDS, **PLACES) as url, tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "photo.jpg"
        storage().fetch(photo.key, picture)
        ours, theirs = [], []
        for number in range(RUNS):
            ours.append(run_product(url, team, photo, floors))
            theirs.append(run_script(url, picture, floors))
            print(
                f"  run {number + 1}: product {ours[-1].seconds:.1f} s, script {theirs[-1]:.1f} s"
            )
        naive = run_naive(url, picture, floors["sellerpic"], JOBS)
    yield from compare("makespan", ours, theirs, target=1.05)
    late = [delay for span in ours for delay in span.delays]
    yield Figure("makespan_result_delay_p50", percentile(late, 0.5), "s")
    yield Figure("makespan_result_delay_p95", percentile(late, 0.95), "s")
    for name, design in (("worker", ours[-1]), ("naive", naive)):
        of_1000 = 1000 / sum(JOBS)
        used = design.usage
        yield Figure(f"{name}_cpu_seconds_per_1000_jobs", used.own_seconds * of_1000, "s")
        yield Figure(
            f"{name}_decoding_cpu_seconds_per_1000_jobs", used.child_seconds * of_1000, "s"
        )
        yield Figure(f"{name}_peak_memory", design.memory_mb, "MB", digits=0)


def compare(
    name: str, ours: list[Span], theirs: list[float], *, target: float | None
) -> Iterator[Figure]:
    """The medians against the ideal and against each other."""
    product = statistics.median(span.seconds for span in ours)
    script = statistics.median(theirs)
    to_ideal = statistics.median(span.seconds / span.ideal for span in ours)
    yield Figure(f"{name}_seconds", product, "s", digits=1)
    yield Figure(f"{name}_script_seconds", script, "s", digits=1)
    yield Figure(f"{name}_vs_ideal", to_ideal, target=target, digits=3)
    yield Figure(f"{name}_vs_asyncio", product / script, target=target, digits=3)


def run_product(
    url: str, team: Team, photo: Asset, floors: dict[str, float], jobs_each: tuple[int, int] = JOBS
) -> Span:
    """Launch everything while the accounts are closed, open them, and wait for the last result."""
    told = {
        "SELLERPIC_SLOTS": PLACES["sellerpic"],
        "FASHN_SLOTS": PLACES["fashn"],
        "SELLERPIC_MIN_POLL_SECONDS": floors["sellerpic"],
        "FASHN_MIN_POLL_SECONDS": floors["fashn"],
    }
    with stage.worker(SPEED, **told) as process:
        stage.open_accounts(is_paused=True)
        jobs = stage.order_at_both(team, photo, *jobs_each)
        before = stage.usage(process.pid)
        with stage.MemoryWatch(process.pid) as memory:
            began = time.time()
            stage.open_accounts(is_paused=False)
            stage.wait_for_end(jobs)
        after = stage.usage(process.pid)
    for job in jobs:
        job.refresh_from_db()
    ended = max(job.finished_at.timestamp() for job in jobs if job.finished_at is not None)
    spent = stage.Usage(
        after.own_seconds - before.own_seconds,
        after.child_seconds - before.child_seconds,
        after.peak_mb,
    )
    return Span(ended - began, _ideal(url, jobs), stage.delays(url, jobs), spent, memory.peak_mb)


def _ideal(url: str, jobs: list[Job]) -> float:
    spans = stage.spans_at_provider(url)
    tasks: dict[str, list[tuple[float, float]]] = {name: [] for name in PLACES}
    for job in jobs:
        tasks["fashn" if job.offer == "fashn" else "sellerpic"].append(spans[job.remote_id])
    return max(
        ideal_seconds([end - begun for begun, end in sorted(tasks[name])], places)
        for name, places in PLACES.items()
    )


def run_script(
    url: str, picture: Path, floors: dict[str, float], jobs_each: tuple[int, int] = JOBS
) -> float:
    """The same jobs by the script, in a process of its own; its seconds."""
    told = {"url": url, "photo": str(picture), "jobs": jobs_each, "interval": floors, **PLACES}
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.script", json.dumps(told)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)
