"""What the Makefile's targets do. Plain standard library, so that any Python 3.8 can read it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
LEAST_PYTHON = (3, 11)
LEAST_FREE_MB = 700
LOCK, DEV_LOCK = "requirements.lock", "requirements-dev.lock"


class Refused(Exception):
    """Why it cannot go on, in one sentence."""


def main(arguments: list[str]) -> int:
    """Run one target and return the exit code."""
    targets: dict[str, Callable[[list[str]], int]] = {
        "run": run,
        "test": test,
        "lint": lint,
        "bench": bench,
        "chaos": chaos,
        "backup": backup,
        "restore": restore,
        "reset": reset,
        "lock": lock,
    }
    if not arguments or arguments[0] not in targets:
        print("Run `make help` for what there is.", file=sys.stderr)
        return 2
    try:
        return targets[arguments[0]](arguments[1:])
    except Refused as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


# --- Targets ------------------------------------------------------------------------------------


def run(arguments: list[str]) -> NoReturn:
    """Install what is needed, then become `manage.py serve`."""
    install(LOCK)
    become("manage.py", "serve", *arguments)


def test(arguments: list[str]) -> NoReturn:
    """Run pytest on everything, or on what the arguments name."""
    install(DEV_LOCK)
    # One by one and in order: those with a browser are long, and last (tests/conftest.py).
    spread = ["-n", "auto", "--dist", "load", "--maxschedchunk", "1"]
    become("-m", "pytest", "-q", *spread, "-m", "not chaos", *arguments)


def chaos(arguments: list[str]) -> NoReturn:
    """Kill workers and the web server while CHAOS_JOBS (300) jobs run, chosen by CHAOS_SEED (1)."""
    install(DEV_LOCK)
    become("-m", "pytest", "-q", "-m", "chaos", "tests/engine", *arguments)


def bench(arguments: list[str]) -> NoReturn:
    """Run the benchmarks."""
    install(DEV_LOCK)
    become("-m", "benchmarks", *arguments)


def backup(arguments: list[str]) -> NoReturn:
    """Back up this installation."""
    install(LOCK)
    become("manage.py", "backup", *arguments)


def restore(arguments: list[str]) -> NoReturn:
    """Put a backup in the place of the present data, or on a machine that has none yet."""
    if not arguments:
        raise Refused("Name the backup: make restore FROM=var/backups/diptych-….tar.gz")
    install(LOCK)
    become("manage.py", "restore", *arguments)


def lint(arguments: list[str]) -> int:
    """Run every check of the code; go on after a failure and name all that failed."""
    install(DEV_LOCK)
    tests = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    templates = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("templates/**/*.html"))]
    checks = [
        ("ruff check", ["-m", "ruff", "check", "."], {}),
        ("ruff format", ["-m", "ruff", "format", "--check", "--quiet", "."], {}),
        ("mypy", ["-m", "mypy", "."], {}),
        ("djade", ["djade", "--target-version", "5.2", "--check", *templates], {}),
        ("migrations", ["manage.py", "makemigrations", "--check", "--dry-run"], tests),
        ("system check", ["manage.py", "check", "--fail-level", "WARNING"], tests),
    ]
    failed = []
    for name, command, environment in checks:
        print("==", name, flush=True)
        # Python's own options and scripts, or a program that lies beside it.
        beside = VENV / "bin" / command[0]
        start = [str(beside), *command[1:]] if beside.exists() else [str(VENV_PYTHON), *command]
        result = subprocess.run(start, cwd=ROOT, env=dict(os.environ, **environment))
        if result.returncode != 0:
            failed.append(name)
    if failed:
        raise Refused("Failed: {}.".format(", ".join(failed)))
    print("All checks passed.")
    return 0


def reset(arguments: list[str]) -> int:
    """Ask, then delete the data; backups stay."""
    folder = data_dir()
    if not folder.exists():
        print(f"There is no data in {folder}.")
        return 0
    if not (folder / "settings.env").exists():
        raise Refused(f"{folder} is no data folder of Diptych; nothing was deleted.")
    if is_running(folder):
        raise Refused("Diptych is running; stop it first. Nothing was deleted.")
    print(f"This deletes every account, picture and credit in {folder}.")
    if any(is_backup(path) for path in folder.iterdir()):
        print(f"The backups in {folder / 'backups'} stay.")
    try:
        answer = input("Delete it all? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        print("Nothing was deleted.")
        return 0
    for path in folder.iterdir():
        if is_backup(path):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    print("Deleted. `make run` starts anew.")
    return 0


def is_backup(path: Path) -> bool:
    """Whether this entry of the data folder was put aside for bad days."""
    return path.name == "backups" or path.name.startswith("before-restore-")


def lock(arguments: list[str]) -> int:
    """Resolve the dependencies anew, for every Python and platform, with hashes and no address."""
    uv = shutil.which("uv")
    if uv is None:
        raise Refused("`make lock` needs uv (https://docs.astral.sh/uv/).")
    for name, extra in ((LOCK, []), (DEV_LOCK, ["--extra", "dev"])):
        subprocess.run(
            [
                uv,
                "pip",
                "compile",
                "pyproject.toml",
                *extra,
                "--universal",
                "--python-version",
                "3.11",
                "--generate-hashes",
                "--no-header",
                "--no-emit-index-url",
                "--quiet",
                "--output-file",
                name,
            ],
            cwd=ROOT,
            check=True,
        )
    return 0


# --- Installing ---------------------------------------------------------------------------------


def install(lock_name: str) -> None:
    """Make `.venv` and install the locked packages, unless that was done for this very lock."""
    wanted = fingerprint(lock_name)
    mark = stamp(lock_name)
    if VENV_PYTHON.exists() and mark.exists() and mark.read_text() == wanted:
        return
    check_room()
    if not works(VENV_PYTHON):
        make_venv(find_python())
    print(f"Installing the packages of {lock_name} …", flush=True)
    result = subprocess.run(
        [
            str(VENV_PYTHON),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--require-hashes",
            "-r",
            lock_name,
        ],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    if result.returncode != 0:
        sys.stderr.write(result.stderr)
        if "No space left" in result.stderr:
            raise Refused(f"There is no room left in {VENV} for the packages.")
        raise Refused("The packages could not be installed; the lines above say why.")
    stamp(lock_name).write_text(wanted)
    if lock_name == DEV_LOCK:  # It holds every package of the other one in the same version.
        stamp(LOCK).write_text(fingerprint(LOCK))


def stamp(lock_name: str) -> Path:
    """The file that says which lock is installed."""
    return VENV / f".installed-{lock_name}"


def fingerprint(lock_name: str) -> str:
    """Changes with the lock and with the place of the environment, which cannot be moved."""
    return hashlib.sha256((ROOT / lock_name).read_bytes() + str(VENV).encode()).hexdigest()


def check_room() -> None:
    """Refuse before half of the packages lie in a folder that cannot hold them."""
    probe = ROOT / f".probe-{os.getpid()}"
    try:
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise Refused(
            f"The folder {ROOT} cannot be written ({error.strerror}); "
            "copy Diptych to a folder of your own."
        ) from None
    free = shutil.disk_usage(str(ROOT)).free // 1024**2
    if free < LEAST_FREE_MB:
        raise Refused(
            f"There is not enough room in {ROOT}: {free} MB are free and installing needs {LEAST_FREE_MB} MB."
        )


def find_python() -> str:
    """A Python that is new enough: the one that runs this, or a newer one beside it."""
    names = [sys.executable] + [f"python3.{minor}" for minor in range(20, 10, -1)]
    for name in names:
        path = shutil.which(name) if name else None
        if path and version_of(path) >= LEAST_PYTHON:
            return path
    raise Refused(
        "Diptych needs Python 3.11 or newer, and this is {}.{}; install a newer one "
        "(Debian 12 and later: apt install python3 python3-venv).".format(*sys.version_info[:2])
    )


def version_of(python: str | Path) -> tuple[int, ...]:
    """Its version as two numbers, or zeros when it does not start."""
    try:
        words = subprocess.run(
            [str(python), "-c", "import sys; print(*sys.version_info[:2])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ).stdout.split()
        return tuple(int(word) for word in words) or (0, 0)
    except (OSError, ValueError):
        return (0, 0)


def works(python: Path) -> bool:
    """Whether `.venv` holds a Python that starts, is new enough, has pip, and was not moved."""
    if not python.exists() or version_of(python) < LEAST_PYTHON:
        return False
    check = f"import pip, sys; sys.exit(sys.prefix != {str(VENV)!r})"
    return subprocess.run([str(python), "-c", check], stderr=subprocess.DEVNULL).returncode == 0


def make_venv(python: str) -> None:
    """Make `.venv` anew with the standard library's own tool."""
    ready = subprocess.run(
        [python, "-c", "import ensurepip, venv"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if ready.returncode != 0:
        raise Refused(
            "This Python has no venv module; install it (Debian: apt install python3-venv)."
        )
    print(f"Making .venv with {python} …", flush=True)
    made = subprocess.run([python, "-m", "venv", "--clear", str(VENV)])
    if made.returncode != 0:
        raise Refused(f"The environment {VENV} could not be made; the lines above say why.")


# --- Running ------------------------------------------------------------------------------------


def become(*arguments: str) -> NoReturn:
    """Turn this process into the environment's Python, so that signals reach it directly."""
    os.chdir(str(ROOT))
    sys.stdout.flush()
    os.execv(str(VENV_PYTHON), [str(VENV_PYTHON), *arguments])


def data_dir() -> Path:
    """The data folder that the environment or .env names."""
    value = os.environ.get("DATA_DIR", "")
    dotenv = ROOT / ".env"
    if not value and dotenv.exists():
        for line in dotenv.read_text(encoding="utf-8").splitlines():
            if line.strip().startswith("DATA_DIR="):
                value = line.partition("=")[2].strip().strip("'\"")
    return Path(value or ROOT / "var").resolve()


def is_running(folder: Path) -> bool:
    """Whether `serve` holds the folder's lock; see config/data_dir.py."""
    import fcntl

    try:
        with (folder / "running.env").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
