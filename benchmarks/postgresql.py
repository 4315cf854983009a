"""A PostgreSQL server that lives as long as a benchmark, where its programs are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Where Debian keeps them, newest first.
_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@contextmanager
def throwaway() -> Iterator[str]:
    """The address of an empty database that is gone afterwards; "" where there is no server.

    It runs with PostgreSQL's own defaults: what is committed is on the disk.
    """
    programs = next((place for place in _PLACES if (place / "initdb").exists()), None)
    if programs is None:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir="/tmp") as folder:
        port = _free_port()
        data = Path(folder) / "data"
        if os.getuid() == 0:  # The server refuses to be run by root.
            user = pwd.getpwnam("postgres")
            shutil.chown(folder, user.pw_uid, user.pw_gid)
        _run(programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        try:
            _run(programs / "pg_ctl", "-D", data, "-o", options, "-l", data / "log", "-w", "start")
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def _run(*command: object) -> None:
    as_whom: Any = {}
    if os.getuid() == 0:
        as_whom = {"user": "postgres", "group": "postgres", "extra_groups": []}
    subprocess.run(  # noqa: S603 - Debian's programs
        [str(part) for part in command],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        cwd="/",
        **as_whom,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
