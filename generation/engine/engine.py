"""The engine: an event loop in a thread of its own that moves every job along.

Four loops, none of which waits for another: dispatch prepares and submits, poll asks, collect
brings home, sweep re-derives what was lost. A fifth keeps the lease that makes one engine work while
others stand by. All state is in the rows, so that the process may end at any instant.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from generation import engine as package
from generation.engine.chores import run_chores
from generation.engine.claims import Claimed, claim_to_prepare, claim_to_submit
from generation.engine.collect import claim_to_collect, collect_job
from generation.engine.context import Context, Observer, logger
from generation.engine.heartbeat import hold_lease, release_lease
from generation.engine.poll import due_polls, poll_job
from generation.engine.prepare import prepare_job
from generation.engine.submit import submit_job
from generation.engine.sweep import sweep_jobs, void_leases
from generation.engine.threads import Threads
from generation.engine.timing import Timing
from generation.models import Job, ProviderAccount
from generation.providers.base import Provider
from generation.providers.registry import client_for

# Of each account, so that a provider that hangs holds up no other.
PREPARING_AT_ONCE = 6
POLLING_AT_ONCE = 20
COLLECTING_AT_ONCE = 6
_DAY = 24 * 3600.0
_SOON = 0.05
_MOVING = ("_dispatch", "_poll", "_collect")
_FOLLOWED_BY = {"prepare_job": "_dispatch", "collect_job": "_collect"}
"""By step: the loop that has something to do once it ended."""


class Engine:
    """`start()` returns at once; `stop()` waits until every submit under way has its answer stored.

    `clock` tells the time that decides what is due. `on_step` is called with a point's name and a
    job's id whenever a step reaches that point, in whatever thread it runs. `on_failure` is called
    in the engine's thread when it ended and nobody asked it to; by itself it ends the process, for
    a worker that goes on without its engine looks healthy and moves no job.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = timezone.now,
        timing: Timing | None = None,
        connect: Callable[[ProviderAccount], Provider] = client_for,
        on_step: Observer | None = None,
        on_failure: Callable[[], None] | None = None,
        with_chores: bool = True,
    ) -> None:
        self.holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.is_active = False
        self._clock = clock
        self._timing = timing or Timing()
        self._connect = connect
        self._on_step = on_step or _nothing
        self._on_failure = on_failure or _end_process
        self._with_chores = with_chores
        self._asked_to_stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._wakes: dict[str, asyncio.Event] = {}
        self._submits: set[asyncio.Task[None]] = set()
        self._steps: dict[asyncio.Task[None], Job] = {}

    # From any thread ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin in a thread of its own."""
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run_thread, args=(ready,), name="engine", daemon=True
        )
        package.register(self)
        self._thread.start()
        ready.wait(10)

    def stop(self, *, wait: bool = True) -> None:
        """Take no more work, wait for submits in hand, hand the lease over, end the thread.

        Without `wait` it returns at once, for a process that ends whatever is under way.
        """
        package.unregister(self)
        self._asked_to_stop.set()
        self._call_soon(self._ask_to_stop)
        if wait and self._thread is not None:
            self._thread.join()

    def wake(self) -> None:
        """Have every loop look at the table now."""
        self._call_soon(self._wake_loops)

    def _call_soon(self, call: Callable[[], None]) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(call)
        except RuntimeError:
            logger.debug("The engine has ended already.")

    # In the engine's thread ---------------------------------------------------------------------

    def _run_thread(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._run(ready))
        except Exception:
            logger.exception("The engine ended by an error.")
        finally:
            self._loop = None
            self.is_active = False
            package.unregister(self)
            ready.set()
            if not self._asked_to_stop.is_set():
                self._on_failure()

    async def _run(self, ready: threading.Event) -> None:
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._asked_to_stop.is_set():  # Before there was a loop that could be told.
            return
        ctx = Context(
            clock=self._clock,
            timing=self._timing,
            database=Threads(4, "engine-db"),
            slow=Threads(4, "engine-slow"),
            files=Threads(2, "engine-files"),
            connect=self._connect,
            scratch=_scratch_folder(),
            reached=self._on_step,
            wake=self._wake_loops,
        )
        lease = asyncio.create_task(self._keep_lease(ctx))
        chores = asyncio.create_task(self._do_chores(ctx))
        loops = [
            asyncio.create_task(self._repeat(ctx, turn))
            for turn in (self._dispatch, self._poll, self._collect, self._sweep)
        ]
        ready.set()
        endless = [lease, *loops, *([chores] if self._with_chores else [])]
        try:
            await self._wait_for_an_end(self._stopping, endless)
        finally:
            await self._wind_up(ctx, lease, chores, loops)

    async def _wait_for_an_end(
        self, stopping: asyncio.Event, endless: list[asyncio.Task[None]]
    ) -> None:
        """Wait until the engine is to stop. Raises when a task that never ends has ended."""
        asked = asyncio.create_task(stopping.wait())
        await asyncio.wait([asked, *endless], return_when=asyncio.FIRST_COMPLETED)
        if stopping.is_set():
            return
        asked.cancel()
        for task in endless:
            if task.done():
                task.result()
        raise RuntimeError("A loop of the engine ended by itself.")

    async def _wind_up(
        self,
        ctx: Context,
        lease: asyncio.Task[None],
        chores: asyncio.Task[None],
        loops: list[asyncio.Task[None]],
    ) -> None:
        """A submit is worth waiting for; everything else can be done again by the next engine."""
        # The loops end between two turns: one that was cut off could leave a job claimed for a
        # submit that nobody makes.
        self._ask_to_stop()
        await asyncio.gather(*loops, return_exceptions=True)
        await _cancel([chores])
        if self._submits:
            logger.info("Waiting for %s submits in hand.", len(self._submits))
            await asyncio.gather(*self._submits, return_exceptions=True)
        if self._steps:
            await asyncio.wait(list(self._steps), timeout=ctx.timing.drain)
        unfinished = list(self._steps.values())
        await _cancel(list(self._steps))
        await _cancel([lease])
        try:
            await ctx.close()
        except Exception:
            logger.exception("A connection to a provider could not be closed.")
        try:
            await ctx.database.run(_hand_over, self.holder, unfinished, self._clock())
        except Exception:
            logger.exception("The lease could not be handed over; it ends by itself.")
        # Waits for what still runs in the threads, so nothing is cut off in a transaction.
        await asyncio.to_thread(_close_all, ctx.database, ctx.slow, ctx.files)
        shutil.rmtree(ctx.scratch, ignore_errors=True)

    def _ask_to_stop(self) -> None:
        if self._stopping is not None:
            self._stopping.set()
        self._wake_loops(*self._wakes)

    def _wake_loops(self, *loops: str) -> None:
        """Have these loops take a turn now; without names all that move jobs on."""
        for name in loops or _MOVING:
            if name in self._wakes:
                self._wakes[name].set()

    async def _do_chores(self, ctx: Context) -> None:
        if self._with_chores:
            await run_chores(ctx, lambda: self.is_active)

    async def _keep_lease(self, ctx: Context) -> None:
        while True:
            try:
                mine = await ctx.database.run(
                    hold_lease, self.holder, self._clock(), ctx.timing.engine_lease
                )
                if mine and not self.is_active:
                    await ctx.database.run(void_leases, self._clock())
                    logger.info("This engine is the active one.")
                if mine != self.is_active:
                    self.is_active = mine
                    self._wake_loops(*self._wakes)
            except Exception:
                self.is_active = False
                logger.exception("The engine's lease could not be renewed.")
            await asyncio.sleep(min(1.0, ctx.timing.tick))

    async def _repeat(
        self, ctx: Context, turn: Callable[[Context], Coroutine[Any, Any, float]]
    ) -> None:
        """Take turns: at once when woken, else after the seconds that the last turn returned."""
        wake = self._wakes[turn.__name__] = asyncio.Event()
        assert self._stopping is not None  # noqa: S101 - set before any loop begins
        while not self._stopping.is_set():
            pause = ctx.timing.tick
            wake.clear()
            if self.is_active:
                try:
                    pause = await turn(ctx)
                except Exception:
                    logger.exception("A turn of %s failed.", turn.__name__)
            if self._stopping.is_set():
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), pause)

    async def _dispatch(self, ctx: Context) -> float:
        now, working = self._clock(), self._working_on(prepare_job)
        for claimed in await ctx.database.run(claim_to_submit, now, ctx.timing):
            self._begin_submit(ctx, claimed)
        # After the submits, which make room for more that are prepared ahead.
        for job in await ctx.database.run(
            claim_to_prepare, now, ctx.timing, PREPARING_AT_ONCE, working
        ):
            self._begin(prepare_job, ctx, job)
        return ctx.timing.tick

    async def _poll(self, ctx: Context) -> float:
        busy = {job.pk for job in self._steps.values()}
        due = await ctx.database.run(
            due_polls, self._clock(), POLLING_AT_ONCE, self._working_on(poll_job), busy
        )
        for job in due.jobs:
            self._begin(poll_job, ctx, job)
        if due.are_more:
            return _SOON
        # Those that are asked now set their own next dates, which the next turn has to see in time.
        longest = min(ctx.timing.tick, 1.0) if due.jobs else ctx.timing.tick
        following = due.following if due.following is not None else _DAY
        return min(longest, max(_SOON, following))

    async def _collect(self, ctx: Context) -> float:
        working = self._working_on(collect_job)
        for job in await ctx.database.run(
            claim_to_collect, self._clock(), ctx.timing, COLLECTING_AT_ONCE, working
        ):
            self._begin(collect_job, ctx, job)
        return ctx.timing.tick

    async def _sweep(self, ctx: Context) -> float:
        await ctx.database.run(sweep_jobs, self._clock(), ctx.timing)
        return ctx.timing.sweep_every

    # Steps under way ----------------------------------------------------------------------------

    def _begin(
        self, step: Callable[[Context, Job], Coroutine[Any, Any, None]], ctx: Context, job: Job
    ) -> None:
        task = asyncio.create_task(step(ctx, job), name=step.__name__)
        self._steps[task] = job
        task.add_done_callback(self._end_step)

    def _begin_submit(self, ctx: Context, claimed: Claimed) -> None:
        task = asyncio.create_task(submit_job(ctx, claimed), name="submit_job")
        self._submits.add(task)
        task.add_done_callback(self._end_submit)

    def _end_step(self, task: asyncio.Task[None]) -> None:
        self._steps.pop(task, None)
        self._report(task)
        if task.get_name() in _FOLLOWED_BY:  # A poll that changed something wakes by itself.
            self._wake_loops(_FOLLOWED_BY[task.get_name()])

    def _end_submit(self, task: asyncio.Task[None]) -> None:
        self._submits.discard(task)
        self._report(task)
        self._wake_loops("_dispatch", "_poll")

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("The step %s failed.", task.get_name(), exc_info=error)

    def _working_on(self, step: Callable[..., Any]) -> Counter[int]:
        """How many of these steps are under way, by account."""
        steps = self._steps.items()
        return Counter(job.account_id for task, job in steps if task.get_name() == step.__name__)


def _nothing(_point: str, _job_id: uuid.UUID) -> None:
    """The observer of an engine that nobody observes."""


def _end_process() -> None:
    """Have the worker shut down in good order; its supervisor starts another."""
    logger.critical("The worker ends, since it has no engine any more.")
    os.kill(os.getpid(), signal.SIGTERM)


def _hand_over(holder: str, unfinished: list[Job], now: datetime) -> None:
    """Let the next engine begin at once, also with what this one left in hand."""
    for job in unfinished:
        if job.lease_until is not None:
            Job.objects.move(job, job.state, lease_until=now)
    release_lease(holder, now)


def _close_all(*threads: Threads) -> None:
    for each in threads:
        each.close()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _scratch_folder() -> Path:
    """A folder for files in passing. What a killed process left behind is removed after a day."""
    parent = Path(settings.DATA_DIR) / "scratch"
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for leftover in parent.iterdir():
        with suppress(FileNotFoundError):  # Another worker that starts now may be faster.
            if leftover.stat().st_mtime < time.time() - _DAY:
                shutil.rmtree(leftover, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix="engine-", dir=parent))
