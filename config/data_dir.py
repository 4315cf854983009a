"""The data folder of a one-machine installation: made, checked and locked before Django starts.

It holds `settings.env` (mode and secrets, written at the first start) and `running.env`, which is
locked while `manage.py serve` runs and tells other commands the ports it uses.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import time
from pathlib import Path

SETTINGS_FILE = "settings.env"
#: The setting that encrypts the provider keys which operators write in the browser.
KEY_SECRETS = "PROVIDER_KEY_SECRETS"
RUNNING_FILE = "running.env"
#: Bytes that must be free: the database, its log and a few pictures.
LEAST_FREE_BYTES = 300 * 1024 * 1024
_LOCK_SECONDS = 2.0

#: The descriptor that holds the lock; kept open until this process ends.
_lock: int | None = None


class CannotStart(Exception):
    """Why this installation cannot start here, in one sentence for the person at the terminal."""


def prepare(folder: Path) -> None:
    """Make the folder ready for `serve` and take its lock.

    Raises CannotStart when it cannot be written, is nearly full, or is in use by another `serve`.
    """
    _check(folder)
    _take_lock(folder)
    write_settings(folder)


def prepare_empty(folder: Path) -> None:
    """Make a folder for what a backup will bring. Raises CannotStart as `prepare` does."""
    _check(folder)
    write_settings(folder)


def write_settings(folder: Path) -> None:
    """Write the mode and new secrets, unless the folder has its own.

    A file of an earlier version gets the secret that it lacks, once.
    """
    path = folder / SETTINGS_FILE
    key_secret = f"{KEY_SECRETS}={secrets.token_urlsafe(48)}\n"
    if not path.exists():
        write_private(
            path,
            "# Written at the first start. Every manage.py command beside it reads this.\n"
            f"MODE=embedded\nSECRET_KEY={secrets.token_urlsafe(48)}\n{key_secret}",
        )
        return
    text = path.read_text(encoding="utf-8")
    if not text.endswith("\n"):
        text += "\n"
    if not any(line.strip().startswith(f"{KEY_SECRETS}=") for line in text.splitlines()):
        write_private(path, f"{text}{key_secret}")


def _check(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise CannotStart(_no_space(folder, 0)) from None
        raise CannotStart(
            f"The data folder {folder} cannot be written ({error.strerror}); "
            "make it writable or set DATA_DIR to another folder."
        ) from None
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise CannotStart(_no_space(folder, free))


def _no_space(folder: Path, free: int) -> str:
    return (
        f"There is not enough room for the data folder {folder}: {free // 1024**2} MB are free and "
        f"Diptych needs {LEAST_FREE_BYTES // 1024**2} MB."
    )


def _take_lock(folder: Path) -> None:
    """Hold `running.env` until this process ends, however it ends."""
    global _lock
    descriptor = os.open(folder / RUNNING_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > until:  # Other commands look for an instant; see running_file().
                os.close(descriptor)
                raise CannotStart(
                    f"Diptych is already running with the data folder {folder}; stop it first."
                ) from None
            time.sleep(0.05)
    os.ftruncate(descriptor, 0)
    _lock = descriptor


def publish_ports(*, port: int, sandbox_port: int) -> None:
    """Tell commands that are started beside `serve` where it listens. Needs the lock."""
    if _lock is None:
        raise RuntimeError("The data folder is not locked.")
    os.ftruncate(_lock, 0)
    os.pwrite(_lock, f"PORT={port}\nSANDBOX_PORT={sandbox_port}\n".encode(), 0)


def running_file(folder: Path) -> Path | None:
    """The file with the ports of a `serve` that runs now, or None."""
    path = folder / RUNNING_FILE
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return path
    finally:
        os.close(descriptor)
    return None


def is_running(folder: Path) -> bool:
    """Whether `serve` runs with this data folder."""
    return running_file(folder) is not None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.replace(path)
