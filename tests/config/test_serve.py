"""`manage.py serve`: refusals in one sentence, one whole life of an installation, and the demo."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config import data_dir
from config.management.commands.seed_demo import DEMO_EMAIL, demo_password, demo_sign_in
from teams.models import CreditAccount, LedgerEntry, Membership, Team, User

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port whose neighbour is free as well."""
    for _ in range(50):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("No two free ports in a row.")


def environment(folder, port, **more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {
        "DATA_DIR": str(folder),
        "PORT": str(port),
        "WEB_WORKERS": "1",
        "PYTHONWARNINGS": "ignore",
        **more,
    }


def serve(folder, port, **more):
    return subprocess.run(
        [sys.executable, "manage.py", "serve"],
        cwd=ROOT,
        env=environment(folder, port, **more),
        capture_output=True,
        text=True,
        timeout=60,
    )


def assert_one_sentence(result, words):
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_taken_port_is_named_and_nothing_is_made(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        result = serve(tmp_path / "var", port)

    assert_one_sentence(result, f"Port {port} is taken by another program")
    assert not (tmp_path / "var" / "diptych.sqlite3").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    result = serve(tmp_path / "file" / "var", free_port())

    assert_one_sentence(result, f"The data folder {tmp_path}/file/var cannot be written")


def test_production_is_not_served_by_the_one_machine_command(tmp_path):
    result = serve(tmp_path / "var", free_port(), MODE="production")

    assert_one_sentence(result, "MODE is production")
    assert not (tmp_path / "var").exists()


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(data_dir, "LEAST_FREE_BYTES", 10**18)

    with pytest.raises(data_dir.CannotStart, match="There is not enough room"):
        data_dir.prepare(tmp_path)

    assert not (tmp_path / data_dir.SETTINGS_FILE).exists()


@pytest.fixture
def installation(tmp_path):
    """A running `serve`, as (process, folder, port); whatever is left of it ends with the test."""
    port = free_port()
    folder = tmp_path / "var"
    output = (tmp_path / "output").open("w+")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve"],
        cwd=ROOT,
        env=environment(folder, port),
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process, folder, port
    finally:
        for pid in [*children_of(process.pid), process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        output.close()


def children_of(pid) -> list[int]:
    found = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in found.stdout.splitlines()]
    direct = [child for child, parent in pairs if parent == pid]
    return direct + [grandchild for child in direct for grandchild in children_of(child)]


def child_named(pid, name) -> int:
    """The child that runs `manage.py <name>`."""
    for child in children_of(pid):
        command = subprocess.run(
            ["ps", "-o", "args=", "-p", str(child)], capture_output=True, text=True
        ).stdout
        if command.split()[-1:] == [name]:
            return child
    raise AssertionError(f"No {name} is running.")


def is_ready(port) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(json.load(answer)["ready"])
    except (urllib.error.URLError, OSError):
        return False


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "It did not happen in time."
        time.sleep(0.05)


def test_one_life_of_an_installation(installation, tmp_path):
    process, folder, port = installation
    output = tmp_path / "output"
    wait_for(lambda: "Diptych is ready" in output.read_text() or process.poll() is not None)

    # What the person at the terminal reads.
    text = output.read_text()
    assert f"http://127.0.0.1:{port}\n" in text
    password = (folder / "demo-password").read_text().strip()
    assert f"demo@diptych.example  password {password}" in text
    assert str(folder) in text
    assert f"The sandbox on port {port + 1} stands in for the providers" in text
    assert "Ctrl-C" in text

    # Secrets are for the owner; loopback only.
    for name in ("settings.env", "demo-password", "running.env"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    addresses = set(listening(port))
    assert addresses <= {"127.0.0.1"}

    # The same folder is not served twice, and is not restored under a running installation.
    assert_one_sentence(serve(folder, free_port()), "already running")
    restore = subprocess.run(
        [sys.executable, "manage.py", "restore", "some.tar.gz"],
        cwd=ROOT,
        env=environment(folder, port),
        capture_output=True,
        text=True,
    )
    assert "stop it first" in restore.stderr

    # Other commands find the mode, the secret and the ports.
    program = (
        "from config import settings as s; print(s.MODE, s.PORT, s.SANDBOX_PORT, len(s.SECRET_KEY))"
    )
    beside = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment(folder, port, PORT="8000"),
        capture_output=True,
        text=True,
    )
    assert beside.stdout == f"embedded {port} {port + 1} 64\n", beside.stderr

    # Without a mail server the links of mails are printed, and stand in no log.
    ask_for_a_new_password(port, DEMO_EMAIL)
    wait_for(lambda: "/accounts/password/reset/key/" in output.read_text())
    assert re.search(
        rf"^Mail to {DEMO_EMAIL}: .*http://127.0.0.1:{port}/accounts/password/reset/key/\w+-\w+-",
        output.read_text(),
        re.MULTILINE,
    )
    worker_log = (folder / "logs" / "worker.log").read_text()
    assert "A mail was written to" in worker_log
    assert "/accounts/password/reset/key/" not in worker_log

    # A killed child comes back.
    before = child_named(process.pid, "web")
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: "web was ended by signal 9" in output.read_text())
    wait_for(lambda: is_ready(port))
    assert child_named(process.pid, "web") != before

    # Ctrl-C ends everything in order.
    everybody = children_of(process.pid)
    assert len(everybody) >= 4  # worker, web, its own worker, sandbox
    process.send_signal(signal.SIGINT)
    assert process.wait(40) == 0
    assert output.read_text().endswith("Diptych has stopped.\n")
    wait_for(lambda: not any(exists(pid) for pid in everybody), 5)


def test_nobody_is_left_when_the_supervisor_is_killed(installation, tmp_path):
    process, _folder, port = installation
    wait_for(lambda: "Diptych is ready" in (tmp_path / "output").read_text())
    everybody = children_of(process.pid)

    process.kill()
    process.wait()

    wait_for(lambda: not any(exists(pid) for pid in everybody), 30)
    assert not is_ready(port)


def ask_for_a_new_password(port, email) -> None:
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    address = f"http://127.0.0.1:{port}/accounts/password/reset/"
    with browser.open(address, timeout=10) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    assert token
    form = urllib.parse.urlencode({"email": email, "csrfmiddlewaretoken": token[1]})
    with browser.open(address, form.encode(), timeout=10) as page:
        assert page.geturl() != address


def exists(pid) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not state.parent.parent.joinpath("self").exists()


def listening(port) -> list[str]:
    """Addresses on which somebody listens at the port; empty where /proc does not tell."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        return []
    found = []
    for line in table.read_text().splitlines()[1:]:
        local, state = line.split()[1], line.split()[3]
        host, _, number = local.partition(":")
        if state == "0A" and int(number, 16) == port:
            found.append(socket.inet_ntoa(bytes.fromhex(host)[::-1]))
    return found


# --- The demo ---------------------------------------------------------------------------------


@pytest.fixture
def data_folder(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_the_demo_is_made_once(db, data_folder):
    call_command("seed_demo")
    password = demo_password()
    call_command("seed_demo")

    user = User.objects.get()
    assert user.check_password(password)
    assert (user.email, user.is_staff, user.is_superuser) == (DEMO_EMAIL, True, True)
    assert Team.objects.get().slug == "demo"
    assert Membership.objects.get().role == "owner"
    assert CreditAccount.objects.get().available == 200
    assert LedgerEntry.objects.get().kind == "grant"
    assert demo_password() == password
    assert re.fullmatch(r"\S{12}", password)
    assert (data_folder / "demo-password").stat().st_mode & 0o777 == 0o600


def test_the_block_does_not_show_a_password_that_was_changed(db, data_folder):
    call_command("seed_demo")
    assert demo_sign_in() == f"{DEMO_EMAIL}  password {demo_password()}"
    user = User.objects.get()
    user.set_password("another one entirely")
    user.save()

    assert demo_sign_in() == f"{DEMO_EMAIL}  with the password you set"


def test_production_gets_no_demo(db, data_folder, settings):
    settings.EMBEDDED = False

    with pytest.raises(CommandError, match="embedded mode only"):
        call_command("seed_demo")

    assert User.objects.count() == Team.objects.count() == 0
    assert not (data_folder / "demo-password").exists()
