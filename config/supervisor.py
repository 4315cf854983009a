"""Keeps the processes of a one-machine installation running, and ends them in order.

A child that dies is started again, after a growing pause. The supervisor is the only writer of the
log files, so rotation needs no lock between processes. Each child leads a process group of its own:
Ctrl-C reaches the supervisor alone, and whatever a dead child left behind is ended with its group.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from config import lifeline
from config.logs import TERMINAL_MARK

_LOG_BYTES = 10 * 1024 * 1024
_LOG_FILES = 5
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0
#: A child that ran this many seconds is healthy: its next death counts as the first.
_HEALTHY_SECONDS = 20.0
_TICK = 0.1
#: A stop that takes longer says what it waits for.
_SILENT_SECONDS = 2.0


@dataclass(frozen=True)
class Child:
    """What to run, and how many seconds it gets to finish its work once told to stop."""

    name: str
    command: Sequence[str]
    drain_seconds: float = 10.0


@dataclass
class _Running:
    """A child's life so far."""

    child: Child
    log: logging.Handler
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    due_at: float = 0.0
    pumps: list[threading.Thread] = field(default_factory=list)


class Supervisor:
    """Runs children until SIGINT, SIGTERM or SIGHUP; a second signal kills what still runs.

    Children are started together in the given order and stopped one after the other in that order.
    `echo` gets the lines that a person at the terminal should see.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        log_dir: Path,
        environment: Mapping[str, str] | None = None,
        echo: Callable[[str], None] = print,
    ) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self._echo = echo
        self._environment = dict(os.environ if environment is None else environment)
        self._signals = 0
        self._woken = threading.Event()
        # The writing end stays here and is inherited by nobody; see config/lifeline.py.
        self._lifeline_end, self._lifeline = os.pipe()
        self._running = [
            _Running(child, _log_handler(log_dir / f"{child.name}.log")) for child in children
        ]

    def run(self) -> int:
        """Supervise until told to stop; return the exit code. Call from the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        for running in self._running:
            self._start(running)
        while not self._signals:
            self._woken.wait(_TICK)
            for running in self._running:
                self._look_after(running)
        for running in self._running:
            self._stop(running)
        return 0

    def stop(self) -> None:
        """Ask the loop to end as a signal would."""
        self._signals += 1
        self._woken.set()

    @property
    def is_stopping(self) -> bool:
        """Whether a signal came."""
        return self._signals > 0

    def _on_signal(self, number: int, frame: object) -> None:
        self.stop()
        if self._signals > 1:
            for running in self._running:
                _kill_group(running.process)

    def _start(self, running: _Running) -> None:
        environment = self._environment | {lifeline.VARIABLE: str(self._lifeline_end)}
        running.process = process = subprocess.Popen(  # noqa: S603 (our own commands)
            running.child.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(self._lifeline_end,),
            start_new_session=True,
        )
        running.started_at = time.monotonic()
        assert process.stdout is not None  # noqa: S101 (PIPE was asked for)
        pump = threading.Thread(target=self._pump, args=(running, process.stdout), daemon=True)
        pump.start()
        running.pumps = [thread for thread in running.pumps if thread.is_alive()] + [pump]

    def _look_after(self, running: _Running) -> None:
        """Notice a death, clear up after it, and start again when the pause is over."""
        now = time.monotonic()
        if running.process is None:
            if now >= running.due_at and not self._signals:
                self._start(running)
            return
        code = running.process.poll()
        if code is None:
            return
        _kill_group(running.process)
        running.process = None
        running.deaths = 1 if now - running.started_at > _HEALTHY_SECONDS else running.deaths + 1
        pause = min(_FIRST_PAUSE * 2 ** (running.deaths - 1), _LONGEST_PAUSE)
        running.due_at = now + pause
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._echo(f"{running.child.name} {how}; starting it again in {pause:.2g} s.")

    def _stop(self, running: _Running) -> None:
        """Let one child finish, or end it when its time is over."""
        process = running.process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._wait_for(running.child, process)
            _kill_group(process)
            process.wait()
            running.process = None
        for pump in running.pumps:
            pump.join(1)
        running.log.close()

    def _wait_for(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        """Give the child its time, and say so once it takes long. Raises TimeoutExpired."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(min(_SILENT_SECONDS, child.drain_seconds))
            return
        left = max(0.0, child.drain_seconds - _SILENT_SECONDS)
        if left and self._signals < 2:
            self._echo(
                f"Waiting up to {left:.0f} s for {child.name} to finish what it has begun; "
                "Ctrl-C again does not wait."
            )
        process.wait(left)

    def _pump(self, running: _Running, stream: IO[bytes]) -> None:
        """Copy a child's lines into its log file, and what matters to the terminal."""
        with stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                if line.startswith(TERMINAL_MARK):
                    self._echo(line.removeprefix(TERMINAL_MARK))
                    continue
                running.log.emit(logging.makeLogRecord({"msg": line}))
                # While stopping, processes say goodbye in their own manner; nobody needs to read it.
                if (words := for_terminal(line)) and (not self._signals or words != line):
                    self._echo(f"{running.child.name}: {words}")


def for_terminal(line: str) -> str:
    """What a person should see of a child's log line: warnings, and what is no log line at all."""
    try:
        record: Any = json.loads(line)
        level = logging.getLevelNamesMapping().get(str(record["level"]), logging.INFO)
    except (ValueError, TypeError, KeyError):
        return line
    if level < logging.WARNING:
        return ""
    text = str(record.get("message", ""))
    trace = str(record.get("exc_info", "")).strip().splitlines()
    return f"{text} ({trace[-1]})" if trace else text


def _log_handler(path: Path) -> logging.Handler:
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8", delay=True
    )
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


def _kill_group(process: subprocess.Popen[bytes] | None) -> None:
    """SIGKILL whatever of the child's process group still lives."""
    if process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
