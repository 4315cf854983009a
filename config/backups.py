"""Backups of a one-machine installation: one archive with the database, the pictures and the settings.

The database is copied by SQLite's online backup, so that nothing has to stop; copying the file alone
would miss what still lies in its write-ahead log. Pictures are never changed once written, so a copy
taken after the database holds every picture that the copied database knows.
"""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from config.data_dir import SETTINGS_FILE

DATABASE = "diptych.sqlite3"
MANIFEST = "manifest.json"
_FORMAT = 1
#: Everything an archive may hold besides the manifest, at the top level.
_PARTS = (DATABASE, SETTINGS_FILE, "demo-password", "files")
_AUTOMATIC = "before-migrating-"
_AUTOMATIC_KEPT = 5


class BackupError(Exception):
    """Why nothing was backed up or restored, in one sentence."""


def backup(data_dir: Path, to: Path, *, with_files: bool = True) -> Path:
    """Write an archive of the installation to `to` and return its path.

    The archive holds the secret key and everybody's data, so only its owner may read it. It appears
    whole or not at all. Raises BackupError.
    """
    if not (data_dir / DATABASE).is_file():
        raise BackupError(f"There is no database in {data_dir}; nothing was backed up.")
    if to.exists():
        raise BackupError(f"{to} exists already; choose another name.")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=".backup-") as scratch:
            copy = Path(scratch, DATABASE)
            _copy_database(data_dir / DATABASE, copy)
            unfinished = Path(scratch, "archive")
            unfinished.touch(mode=0o600)
            with tarfile.open(unfinished, "w:gz", compresslevel=1) as archive:
                _add_text(
                    archive,
                    MANIFEST,
                    json.dumps(
                        {
                            "format": _FORMAT,
                            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
                            "with_files": with_files,
                        }
                    ),
                )
                archive.add(copy, DATABASE)
                for name in _PARTS[1:]:
                    if (data_dir / name).exists() and (with_files or name != "files"):
                        archive.add(data_dir / name, name, filter=_readable_parts)
            unfinished.replace(to)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"The backup failed and left nothing behind: {error}.") from error
    return to


def backup_before_migrating(data_dir: Path) -> Path:
    """Keep a copy of the database as it is before migrations change it; the last few are kept.

    Pictures are left out: migrations change rows alone.
    """
    folder = data_dir / "backups"
    kept = backup(data_dir, folder / f"{_AUTOMATIC}{stamp()}.tar.gz", with_files=False)
    for old in sorted(folder.glob(f"{_AUTOMATIC}*.tar.gz"))[:-_AUTOMATIC_KEPT]:
        old.unlink()
    return kept


def restore(data_dir: Path, archive: Path) -> Path | None:
    """Put an archive's contents in the place of the present ones; the installation must be stopped.

    Nothing is touched before the archive was read whole and its database found sound. What was there
    before is moved aside; the folder it lies in is returned. Raises BackupError.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=data_dir, prefix=".restore-") as name:
        scratch = Path(name)
        _unpack(archive, scratch)
        _check_database(scratch / DATABASE)
        incoming = [part for part in _PARTS if (scratch / part).exists()]
        aside = data_dir / f"before-restore-{stamp()}"
        for part in [*incoming, f"{DATABASE}-wal", f"{DATABASE}-shm"]:
            if (data_dir / part).exists():
                aside.mkdir(mode=0o700, exist_ok=True)
                (data_dir / part).rename(aside / part)
        for part in incoming:
            (scratch / part).rename(data_dir / part)
    # Messages of the other state are hints about rows that may be gone; the sweep finds the work.
    shutil.rmtree(data_dir / "broker", ignore_errors=True)
    return aside if aside.exists() else None


def stamp() -> str:
    """The present time as part of a file name."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def _copy_database(source: Path, to: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as before,
        closing(sqlite3.connect(to)) as after,
    ):
        before.backup(after)
        after.execute("PRAGMA journal_mode=DELETE")


def _check_database(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as database:
            verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
            database.execute("SELECT 1 FROM django_migrations LIMIT 1")
    except sqlite3.Error as error:
        raise BackupError(f"The archive's database cannot be read ({error}).") from error
    if verdict != "ok":
        raise BackupError(f"The archive's database is damaged ({verdict}).")


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    archive.addfile(entry, io.BytesIO(data))


def _readable_parts(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out unfinished files and everything that is neither file nor folder."""
    unfinished = Path(entry.name).name.startswith(".")
    return entry if (entry.isfile() or entry.isdir()) and not unfinished else None


def _unpack(path: Path, to: Path) -> None:
    """Unpack regular files below the names we know, and nothing else.

    Done by hand: tarfile's own data filter came with Python 3.11.4.
    """
    try:
        with tarfile.open(path, "r:*") as archive:
            first = archive.next()
            content = archive.extractfile(first) if first and first.name == MANIFEST else None
            if content is None or json.loads(content.read()).get("format") != _FORMAT:
                raise BackupError(f"{path} is no backup that this version can restore.")
            for entry in archive:
                parts = Path(entry.name).parts
                if entry.isdir() or entry.name == MANIFEST:
                    continue
                if not entry.isfile() or parts[0] not in _PARTS or ".." in parts:
                    raise BackupError(f"{path} holds {entry.name}, which no backup holds.")
                source = archive.extractfile(entry)
                target = to.joinpath(*parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    shutil.copyfileobj(source, file)  # type: ignore[arg-type]
                target.chmod(0o600)
    except (OSError, tarfile.TarError, EOFError, ValueError) as error:
        why = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        raise BackupError(f"{path} cannot be read as a backup{why}.") from error
    if not (to / DATABASE).is_file():
        raise BackupError(f"{path} holds no database.")
