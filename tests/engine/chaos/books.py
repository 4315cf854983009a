"""Compares our rows with what the sandbox saw, task by task, after the chaos has ended."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from catalog.storage import storage
from generation.models import Attempt, Job, JobEvent, Output, State
from sandbox.app import Sandbox
from sandbox.store import Item, Task
from tests.engine.chaos.orders import mark_of_job, mark_of_submit

HELD = ("submitting", "running", "unknown")
"""States in which a job has a place at the provider."""

GIVEN_UP = ("lost", "unknown", "given_up")
"""Error codes of jobs that ended while their task may have gone on."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One submit that reached the sandbox: the attempt it was made for and the task it began."""

    attempt: Attempt
    at: float
    task: Task | None
    items: tuple[Item, ...]

    @property
    def is_orphan(self) -> bool:
        """Whether there is a task that our rows do not know by its id."""
        return self.task is not None and self.attempt.remote_id != self.task.remote_name

    def charged(self, now: float) -> int:
        """Credits that the sandbox took for it."""
        return sum(item.credits for item in self.items if item.status(now) == "SUCCESS")


@dataclass(frozen=True, slots=True)
class Difference:
    """A task whose cost in our books is not what the sandbox charged, and why that may be."""

    task: str
    charged: int
    booked: int
    why: str

    def __str__(self) -> str:
        return f"task {self.task}: charged {self.charged}, booked {self.booked}: {self.why}"


@dataclass(slots=True)
class Books:
    """Everything sent, and what it cost by our books: `charged` = `booked` + the differences."""

    sent: list[Sent]
    strangers: list[str] = field(default_factory=list)
    charged: int = 0
    told: int = 0
    settled: int = 0
    suspected: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def booked(self) -> int:
        """What the provider told, what SellerPic's results were settled at, what is suspected."""
        return self.told + self.settled + self.suspected


def read_submits(app: Sandbox) -> Books:
    """Match every submit in the sandbox's log with its attempt."""
    tasks = {task.remote_name: (task, tuple(items)) for task, items in app.store.tasks()}
    tokens = {
        attempt.webhook_token: attempt
        for attempt in Attempt.objects.exclude(webhook_token="").select_related("job")
    }
    attempts: dict[str, list[Attempt]] = {}
    for job in Job.objects.filter(account__provider="sellerpic"):
        attempts[mark_of_job(job)] = list(job.attempts.select_related("job"))
    books = Books([])
    for call in _submits(app):
        if call["provider"] == "fashn":
            url = str(call["query"].get("webhook_url", ""))
            attempt = tokens.get(url.rstrip("/").rpartition("/")[2])
        else:
            begun = [
                attempt
                for attempt in attempts.get(mark_of_submit(call["body"] or {}), [])
                if attempt.started_at.timestamp() <= call["at"]
            ]
            attempt = begun[-1] if begun else None
        if attempt is None and call["body"] == {} and call["task"] is None:
            continue  # A worker was killed before the whole request was out: nothing was asked.
        if attempt is None:
            books.strangers.append(f"{call['at']} {call['path']} {call['query']}")
            continue
        task, items = tasks.get(str(call["task"]), (None, ()))
        books.sent.append(Sent(attempt, call["at"], task, items))
    return books


def _submits(app: Sandbox) -> Iterator[dict[str, Any]]:
    after = 0
    while page := app.store.calls(after, operation="submit"):
        yield from page
        after = page[-1]["id"]


def balance(books: Books, now: float) -> None:
    """Fill in the sums, and a difference for every task whose cost is not booked as charged."""
    for sent in books.sent:
        if sent.task is None:
            continue
        charged, attempt = sent.charged(now), sent.attempt
        books.charged += charged
        told = attempt.provider_charged
        why = ""
        if sent.is_orphan:
            booked = attempt.suspected_cost
            books.suspected += booked
            if booked == 0:
                why = "in doubt until somebody decides"
            elif booked > charged:
                why = "an orphan that was made in part, or not at all"
        elif told is not None:
            booked = told
            books.told += booked
            why = "told one too many" if told == charged + 1 else ""
        else:
            # Without a figure of the provider's: what the results were settled at, or are suspected
            # to have cost. FASHN's are not settled at its own price, so those stay a difference.
            is_sellerpic = attempt.job.account.provider == "sellerpic"
            settled = _settled(attempt) if is_sellerpic else 0
            books.settled += settled
            books.suspected += attempt.suspected_cost
            booked = settled + attempt.suspected_cost
            if attempt.job.error_code in GIVEN_UP:
                why = "given up while the provider was silent"
            elif attempt.job.state in (State.LOST, State.UNKNOWN):
                why = "in doubt until somebody decides"
            elif not is_sellerpic:
                why = "not told"
        if booked != charged:
            books.differences.append(Difference(sent.task.remote_name, charged, booked, why))


def _settled(attempt: Attempt) -> int:
    job = attempt.job
    return (job.captured or 0) if attempt.number == job.attempt_count else 0


def overlap(books: Books, now: float) -> dict[str, int]:
    """The most tasks at once in each pool of the sandbox, of those that should have had a place.

    A task counts from its first moment until it ends. One that we cannot know of (an orphan), or
    that never ends, counts as long as its job kept the place for it.
    """
    moments: dict[str, list[tuple[float, int]]] = {}
    for sent in books.sent:
        task = sent.task
        if task is None or not sent.items:
            continue
        end = max(item.ends_at for item in sent.items)
        is_stuck = any(item.fate == "stuck" for item in sent.items)
        if sent.is_orphan or is_stuck or _was_lost(sent.attempt):
            end = min(end, _freed_at(sent.attempt, now))
        pool = f"{task.account.provider} {task.pool}"
        moments.setdefault(pool, []).extend([(task.created_at, 1), (end, -1)])
    return {pool: _most_at_once(changes) for pool, changes in moments.items()}


def _most_at_once(changes: list[tuple[float, int]]) -> int:
    now, most = 0, 0
    for _at, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def _was_lost(attempt: Attempt) -> bool:
    return JobEvent.objects.filter(
        job=attempt.job, attempt=attempt.number, state=State.LOST
    ).exists()


def _freed_at(attempt: Attempt, now: float) -> float:
    """When the job's place was given up for this attempt."""
    events = JobEvent.objects.filter(job=attempt.job, attempt__gte=attempt.number)
    left = events.exclude(state__in=HELD, attempt=attempt.number).order_by("at", "pk")
    at: datetime | None = left.values_list("at", flat=True).first()
    longest = attempt.started_at.timestamp() + attempt.job.pool.max_task_seconds
    return min(longest, at.timestamp() if at else now)


def compare_files(app: Sandbox, books: Books, now: float) -> tuple[int, list[str]]:
    """How many results are stored with the sandbox's very bytes, and what is not as it should be.

    Every picture that the sandbox made for a job's last task must be there, and no other.
    """
    made: dict[Any, Counter[str]] = {}
    for sent in books.sent:
        job = sent.attempt.job
        is_last = sent.attempt.number == job.attempt_count
        if sent.task is None or sent.is_orphan or not is_last or job.error_code in GIVEN_UP:
            continue
        good = [i for i in sent.items if i.status(now) == "SUCCESS" and not i.garbage]
        made[job.pk] = Counter(_sha256(app.room.result_path(item)) for item in good)
    wrong: list[str] = []
    stored = 0
    for job in Job.objects.all():
        have = Counter(_stored(job))
        if job.is_finished and have != made.get(job.pk, Counter()):
            wrong.append(f"{job} ({job.state}): has {have}, the sandbox made {made.get(job.pk)}")
        stored += have.total()
    return stored, wrong


def _stored(job: Job) -> Iterable[str]:
    outputs = Output.objects.filter(job=job, state=Output.State.DELIVERED).select_related("asset")
    for output in outputs:
        assert output.asset is not None, "a delivered output has its file"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "result"
            storage().fetch(output.asset.key, path)
            sha256 = _sha256(path)
        assert sha256 == output.asset.sha256, f"{output.asset.key} is not what was noted"
        yield sha256


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def counts(values: Iterable[str]) -> Mapping[str, int]:
    """How often each value occurs, the most frequent first."""
    return dict(Counter(values).most_common())
