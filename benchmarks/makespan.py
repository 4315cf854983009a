"""How long 300 jobs take at both providers' real numbers of places, against two measures.

Against the least that is possible, and against a script for asyncio that drives the same sandbox at
the same time under a key of its own, so that both meet the same machine. The sandbox draws other
durations for the script's tasks, so each is held against its own ideal first. Time runs `SPEED` times as
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
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import stage
from benchmarks.figures import Figure, percentile
from benchmarks.naive import run_naive
from catalog.models import Asset
from catalog.storage import storage
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
    """A run: its seconds and the least there could be for its tasks."""

    seconds: float
    ideal: float

    @property
    def ratio(self) -> float:
        """1 is as good as can be."""
        return self.seconds / self.ideal


@dataclass(frozen=True, slots=True)
class Pair:
    """A run of the product and one of the script beside it, and what the product took.

    `delays` are those of its results, from the provider's last stroke until they can be reviewed.
    """

    ours: Span
    theirs: Span
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
            pair = run_pair(url, team, photo, picture, floors, JOBS)
            pairs.append(pair)
            print(
                f"  run {number + 1}: product {pair.ours.seconds:.1f} s"
                f" (ideal {pair.ours.ideal:.1f} s), script {pair.theirs.seconds:.1f} s"
                f" (ideal {pair.theirs.ideal:.1f} s)",
                flush=True,
            )
        naive = run_naive(url, picture, floors["sellerpic"], (JOBS[0] // 2, JOBS[1] // 2))
    yield from compare("makespan", pairs, target=1.05)
    late = [delay for pair in pairs for delay in pair.delays]
    yield Figure("makespan_result_delay_p50", percentile(late, 0.5), "s")
    yield Figure("makespan_result_delay_p95", percentile(late, 0.95), "s")
    for name, used, memory_mb, jobs in (
        ("worker", pairs[-1].usage, pairs[-1].memory_mb, sum(JOBS)),
        ("naive", naive.usage, naive.memory_mb, sum(JOBS) // 2),
    ):
        per_1000 = 1000 / jobs
        yield Figure(f"{name}_cpu_seconds_per_1000_jobs", used.own_seconds * per_1000, "s")
        yield Figure(
            f"{name}_decoding_cpu_seconds_per_1000_jobs", used.child_seconds * per_1000, "s"
        )
        yield Figure(f"{name}_peak_memory", memory_mb, "MB", digits=0)


def compare(name: str, pairs: list[Pair], *, target: float | None) -> Iterator[Figure]:
    """The medians of the runs, of their ratios to the ideal, and of those to each other."""

    def median(value: Callable[[Pair], float]) -> float:
        return statistics.median(map(value, pairs))

    yield Figure(f"{name}_seconds", median(lambda pair: pair.ours.seconds), "s", digits=1)
    yield Figure(f"{name}_script_seconds", median(lambda pair: pair.theirs.seconds), "s", digits=1)
    to_ideal = median(lambda pair: pair.ours.ratio)
    yield Figure(f"{name}_vs_ideal", to_ideal, target=target, digits=3)
    yield Figure(f"{name}_script_vs_ideal", median(lambda pair: pair.theirs.ratio), digits=3)
    to_script = median(lambda pair: pair.ours.ratio / pair.theirs.ratio)
    yield Figure(f"{name}_vs_asyncio", to_script, target=target, digits=3)


def run_pair(
    url: str,
    team: Team,
    photo: Asset,
    picture: Path,
    floors: dict[str, float],
    jobs_each: tuple[int, int],
) -> Pair:
    """Let the product and the script begin in the same moment; what each of them took.

    The product's jobs are launched while its accounts are closed, and begin when these are opened.
    """
    told = {
        "SELLERPIC_SLOTS": PLACES["sellerpic"],
        "FASHN_SLOTS": PLACES["fashn"],
        "SELLERPIC_MIN_POLL_SECONDS": floors["sellerpic"],
        "FASHN_MIN_POLL_SECONDS": floors["fashn"],
    }
    key = f"sandbox-script-{uuid.uuid4().hex[:8]}"
    order = {
        "url": url,
        "key": key,
        "photo": str(picture),
        "jobs": jobs_each,
        "interval": floors,
        **PLACES,
    }
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
    names = {job.remote_id for job in jobs}
    product = {
        name: {task: span for task, span in spans.items() if task in names}
        for name, spans in stage.spans_at_provider(url).items()
    }
    return Pair(
        Span(ended - began, _ideal(product)),
        Span(float(answer), _ideal(stage.spans_at_provider(url, key))),
        stage.delays(url, jobs),
        spent,
        memory.peak_mb,
    )


def _ideal(tasks: dict[str, stage.Spans]) -> float:
    return max(
        ideal_seconds([end - begun for begun, end in sorted(tasks[name].values())], places)
        for name, places in PLACES.items()
    )
