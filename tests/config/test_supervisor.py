"""The supervisor starts dead children again, stops them in order, and leaves no orphan."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from config.supervisor import for_terminal

ROOT = Path(__file__).parents[2]

# A child of the test: watches the lifeline as ours do, starts a grandchild, and tells its steps.
CHILD = """
import os, signal, subprocess, sys, time
from pathlib import Path
from config import lifeline
name, folder = sys.argv[1], Path(sys.argv[2])
lifeline.watch(grace_seconds=1)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
def stop(number, frame):
    with (folder / "stopped").open("a") as file:
        file.write(name + "\\n")
    grandchild.kill()
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if name == "deaf" else stop)
with (folder / f"{name}.pids").open("a") as file:
    file.write(f"{os.getpid()} {grandchild.pid}\\n")
print("hello", flush=True)
print("\\x1eMail: http://127.0.0.1/invitations/secret/", flush=True)
while True:
    time.sleep(0.05)
"""

PARENT = """
import sys
from pathlib import Path
from config.supervisor import Child, Supervisor
folder = Path(sys.argv[1])
children = [
    Child(name, [sys.executable, str(folder / "child.py"), name, str(folder)], 3.0)
    for name in sys.argv[2:]
]
sys.exit(Supervisor(children, log_dir=folder / "logs").run())
"""


@pytest.fixture
def supervise(tmp_path):
    """Start a supervisor of children with these names, and wait until each of them lives."""
    (tmp_path / "child.py").write_text(textwrap.dedent(CHILD))
    (tmp_path / "parent.py").write_text(textwrap.dedent(PARENT))
    started = []

    def start(*names):
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "parent.py"), str(tmp_path), *names],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        for name in names:
            wait_for(lambda name=name: lives(tmp_path, name))
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def lives(folder, name) -> list[list[int]]:
    """The process ids of each life of a child: its own and its grandchild's."""
    path = folder / f"{name}.pids"
    if not path.exists():
        return []
    return [[int(pid) for pid in line.split()] for line in path.read_text().splitlines()]


def is_alive(pid) -> bool:
    """Whether the process runs; a zombie that nobody reaped yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def wait_for(condition, seconds=15):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "It did not happen in time."
        time.sleep(0.02)


def every_pid(folder, *names) -> list[int]:
    return [pid for name in names for life in lives(folder, name) for pid in life]


def test_a_killed_child_is_started_again_and_what_it_left_behind_is_ended(supervise, tmp_path):
    process = supervise("worker", "web")
    pid, grandchild = lives(tmp_path, "worker")[0]
    started = time.monotonic()

    os.kill(pid, signal.SIGKILL)

    wait_for(lambda: len(lives(tmp_path, "worker")) == 2)
    assert time.monotonic() - started < 5
    wait_for(lambda: not is_alive(grandchild))
    assert len(lives(tmp_path, "web")) == 1
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=15)
    assert "worker was ended by signal 9; starting it again in 0.25 s." in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_children_one_after_the_other_in_their_order(
    supervise, tmp_path, number
):
    process = supervise("worker", "web", "sandbox")

    process.send_signal(number)

    assert process.wait(15) == 0
    assert (tmp_path / "stopped").read_text().split() == ["worker", "web", "sandbox"]
    assert not any(is_alive(pid) for pid in every_pid(tmp_path, "worker", "web", "sandbox"))


def test_a_second_signal_kills_what_does_not_stop(supervise, tmp_path):
    process = supervise("deaf", "web")

    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)

    assert process.wait(15) == 0
    assert time.monotonic() - started < 2
    assert not any(is_alive(pid) for pid in every_pid(tmp_path, "deaf", "web"))


def test_a_child_that_does_not_stop_is_killed_when_its_time_is_over(supervise, tmp_path):
    process = supervise("deaf")

    process.send_signal(signal.SIGTERM)

    output, _ = process.communicate(timeout=15)
    assert process.returncode == 0
    told = "Waiting up to 1 s for deaf to finish what it has begun; Ctrl-C again does not wait."
    assert output.count(told) == 1
    assert not any(is_alive(pid) for pid in every_pid(tmp_path, "deaf"))


def test_nobody_is_left_after_the_supervisor_itself_is_killed(supervise, tmp_path):
    process = supervise("deaf", "web")

    process.send_signal(signal.SIGKILL)

    wait_for(lambda: not any(is_alive(pid) for pid in every_pid(tmp_path, "deaf", "web")))
    assert (tmp_path / "stopped").read_text().split() == ["web"], "web could not finish its work"


def test_what_children_say_goes_into_their_log(supervise, tmp_path):
    process = supervise("worker")
    wait_for(lambda: (tmp_path / "logs" / "worker.log").exists())

    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=15)

    assert (tmp_path / "logs" / "worker.log").read_text() == "hello\n"
    assert "worker: hello" in output


def test_words_for_the_terminal_are_shown_and_not_stored(supervise, tmp_path):
    process = supervise("worker")

    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=15)

    assert "\nMail: http://127.0.0.1/invitations/secret/\n" in output
    assert "secret" not in (tmp_path / "logs" / "worker.log").read_text()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('{"level": "INFO", "message": "Started."}', ""),
        ('{"level": "WARNING", "message": "Slow."}', "Slow."),
        (
            '{"level": "ERROR", "message": "Failed.", "exc_info": "Traceback\\nValueError: no"}',
            "Failed. (ValueError: no)",
        ),
        ("Open http://127.0.0.1:8000/", "Open http://127.0.0.1:8000/"),
        ("42", "42"),
    ],
)
def test_the_terminal_shows_warnings_and_what_is_no_log_line(line, shown):
    assert for_terminal(line) == shown
