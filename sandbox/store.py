"""What the sandbox remembers, in SQLite: uploads, tasks, items, links, faults and calls."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.faults import Fault, PlannedFault

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS upload (
  file_key TEXT PRIMARY KEY, token TEXT UNIQUE, put_until REAL, file TEXT, sha256 TEXT,
  bytes INTEGER, width INTEGER, height INTEGER, animated INTEGER);
CREATE TABLE IF NOT EXISTS task (
  id INTEGER PRIMARY KEY, provider TEXT NOT NULL, kind TEXT NOT NULL, pool TEXT NOT NULL,
  body TEXT NOT NULL, signature TEXT NOT NULL, run INTEGER NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS item (
  id INTEGER PRIMARY KEY, task_id INTEGER NOT NULL REFERENCES task ON DELETE CASCADE,
  position INTEGER NOT NULL, starts_at REAL NOT NULL, ends_at REAL NOT NULL,
  fate TEXT NOT NULL CHECK (fate IN ('success', 'failed', 'stuck')), credits INTEGER NOT NULL,
  error_code INTEGER NOT NULL DEFAULT 0, error_msg TEXT, garbage INTEGER NOT NULL DEFAULT 0,
  drawn INTEGER NOT NULL DEFAULT 0, UNIQUE (task_id, position));
CREATE TABLE IF NOT EXISTS link (
  token TEXT PRIMARY KEY, item_id INTEGER NOT NULL REFERENCES item ON DELETE CASCADE,
  format TEXT NOT NULL, uhd INTEGER NOT NULL, dies_at REAL NOT NULL, dead INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS fault (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, operation TEXT NOT NULL, remaining INTEGER,
  options TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS call (
  id INTEGER PRIMARY KEY, operation TEXT NOT NULL, outcome TEXT NOT NULL, task_id INTEGER,
  at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS item_by_task ON item (task_id);
CREATE INDEX IF NOT EXISTS link_by_item ON link (item_id);
"""

_IN_FLIGHT = "(item.fate = 'stuck' OR item.ends_at > :now OR (item.fate = 'success' AND NOT drawn))"
"""An item that has not ended at `:now`. A picture counts as done once its file is there."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file handed in, or a place kept for one (`file` is None until its bytes arrive)."""

    file_key: str
    file: str | None
    sha256: str | None
    bytes: int | None
    width: int | None
    height: int | None
    animated: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One picture asked for. Times are wall-clock seconds; its fate is settled from the start."""

    id: int
    task_id: int
    position: int
    starts_at: float
    ends_at: float
    fate: str
    credits: int
    error_code: int
    error_msg: str | None
    garbage: bool
    drawn: bool

    def status(self, now: float) -> str:
        """CREATED, RUNNING, SUCCESS or FAILED at the wall-clock time `now`."""
        if self.fate == "stuck":
            return "RUNNING" if now >= self.starts_at else "CREATED"
        if now >= self.ends_at and self.fate == "failed":
            return "FAILED"
        if now >= self.ends_at and self.drawn:
            return "SUCCESS"
        return "RUNNING" if now >= self.starts_at else "CREATED"


@dataclass(frozen=True, slots=True)
class Task:
    """One accepted request; `run` counts earlier tasks that asked for the very same thing."""

    id: int
    kind: str
    body: dict[str, Any]
    run: int
    created_at: float


@dataclass(frozen=True, slots=True)
class Link:
    """A public address of one result file in one format, good until `dies_at`."""

    token: str
    item_id: int
    format: str
    uhd: bool
    dies_at: float
    dead: bool


class Store:
    """One SQLite file. Every method is one transaction; killing the process loses nothing committed."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing at NORMAL; only a power cut could, and this is a sandbox.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the store for a group of reads and writes, all kept or none."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, sql: str, **values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _number(self, sql: str, **values: object) -> int:
        return int(self._rows(sql, **values)[0][0] or 0)

    # Settings ---------------------------------------------------------------------------------

    def setting(self, name: str, default: str) -> str:
        """The stored value; `default` is stored first if there is none yet."""
        with self.transaction():
            self._rows("INSERT OR IGNORE INTO setting VALUES (:name, :v)", name=name, v=default)
            rows = self._rows("SELECT value FROM setting WHERE name = :name", name=name)
        return str(rows[0]["value"])

    def set_setting(self, name: str, value: str) -> None:
        self._rows("INSERT OR REPLACE INTO setting VALUES (:name, :value)", name=name, value=value)

    # Uploads ----------------------------------------------------------------------------------

    def reserve_upload(self, file_key: str, token: str, put_until: float) -> None:
        self._rows(
            "INSERT INTO upload (file_key, token, put_until) VALUES (:key, :token, :until)",
            key=file_key,
            token=token,
            until=put_until,
        )

    def reserved_upload(self, token: str, now: float) -> str | None:
        """The file key that a still-living upload link stands for."""
        rows = self._rows(
            "SELECT file_key FROM upload WHERE token = :token AND put_until > :now",
            token=token,
            now=now,
        )
        return str(rows[0]["file_key"]) if rows else None

    def save_upload(self, upload: Upload) -> None:
        self._rows(
            """INSERT INTO upload (file_key, file, sha256, bytes, width, height, animated)
               VALUES (:key, :file, :sha256, :bytes, :width, :height, :animated)
               ON CONFLICT (file_key) DO UPDATE SET file = :file, sha256 = :sha256,
               bytes = :bytes, width = :width, height = :height, animated = :animated""",
            key=upload.file_key,
            file=upload.file,
            sha256=upload.sha256,
            bytes=upload.bytes,
            width=upload.width,
            height=upload.height,
            animated=int(upload.animated),
        )

    def upload(self, file_key: str) -> Upload | None:
        """A file that has arrived, or None."""
        rows = self._rows(
            """SELECT file_key, file, sha256, bytes, width, height, animated FROM upload
               WHERE file_key = :key AND file IS NOT NULL""",
            key=file_key,
        )
        if not rows:
            return None
        return Upload(**{**dict(rows[0]), "animated": bool(rows[0]["animated"])})

    # Tasks ------------------------------------------------------------------------------------

    def next_id(self, now: float) -> int:
        """A fresh id shaped like a snowflake: milliseconds, then a counter; always growing."""
        with self.transaction():
            last = int(self.setting("last_id", "0"))
            # Room for the ids of a task's items, which follow its own.
            fresh = max(last + 64, int(now * 1000) << 20)
            self.set_setting("last_id", str(fresh))
        return fresh

    def add_task(self, task: Task, items: Iterable[Item], *, pool: str, signature: str) -> None:
        with self.transaction():
            self._rows(
                """INSERT INTO task (id, provider, kind, pool, body, signature, run, created_at)
                   VALUES (:id, 'sellerpic', :kind, :pool, :body, :signature, :run, :at)""",
                id=task.id,
                kind=task.kind,
                pool=pool,
                body=json.dumps(task.body),
                signature=signature,
                run=task.run,
                at=task.created_at,
            )
            for item in items:
                self._rows(
                    """INSERT INTO item VALUES (:id, :task_id, :position, :starts_at, :ends_at,
                       :fate, :credits, :error_code, :error_msg, :garbage, :drawn)""",
                    id=item.id,
                    task_id=item.task_id,
                    position=item.position,
                    starts_at=item.starts_at,
                    ends_at=item.ends_at,
                    fate=item.fate,
                    credits=item.credits,
                    error_code=item.error_code,
                    error_msg=item.error_msg,
                    garbage=int(item.garbage),
                    drawn=int(item.drawn),
                )

    def runs_of(self, signature: str) -> int:
        return self._number("SELECT count(*) FROM task WHERE signature = :s", s=signature)

    def task(self, task_id: int) -> Task | None:
        rows = self._rows("SELECT * FROM task WHERE id = :id", id=task_id)
        return _task(rows[0]) if rows else None

    def tasks(self) -> list[Task]:
        return [_task(row) for row in self._rows("SELECT * FROM task ORDER BY id")]

    def items(self, task_id: int) -> list[Item]:
        rows = self._rows("SELECT * FROM item WHERE task_id = :id ORDER BY position", id=task_id)
        return [_item(row) for row in rows]

    def item(self, item_id: int) -> Item | None:
        rows = self._rows("SELECT * FROM item WHERE id = :id", id=item_id)
        return _item(rows[0]) if rows else None

    def undrawn_items(self) -> list[Item]:
        """Pictures promised and not on disk yet, in order of promise."""
        rows = self._rows("SELECT * FROM item WHERE fate = 'success' AND NOT drawn ORDER BY id")
        return [_item(row) for row in rows]

    def mark_drawn(self, item_id: int) -> None:
        self._rows("UPDATE item SET drawn = 1 WHERE id = :id", id=item_id)

    def mark_failed(self, item_id: int, code: int, message: str) -> None:
        self._rows(
            "UPDATE item SET fate = 'failed', error_code = :code, error_msg = :msg WHERE id = :id",
            id=item_id,
            code=code,
            msg=message,
        )

    def in_flight(self, pool: str, now: float) -> int:
        """Tasks of the pool with at least one item that has not ended."""
        return self._number(
            f"""SELECT count(DISTINCT task_id) FROM item JOIN task ON task.id = task_id
                WHERE pool = :pool AND {_IN_FLIGHT}""",  # noqa: S608 - a constant
            pool=pool,
            now=now,
        )

    def credits_used(self, now: float) -> int:
        """Credits of the pictures delivered by `now`."""
        return self._number(
            f"SELECT sum(credits) FROM item WHERE fate = 'success' AND NOT {_IN_FLIGHT}",  # noqa: S608
            now=now,
        )

    def credits_promised(self, now: float) -> int:
        """Credits that pictures still in the making will cost."""
        return self._number(
            f"SELECT sum(credits) FROM item WHERE fate <> 'failed' AND {_IN_FLIGHT}",  # noqa: S608
            now=now,
        )

    # Links ------------------------------------------------------------------------------------

    def add_link(self, link: Link) -> None:
        self._rows(
            "INSERT INTO link VALUES (:token, :item, :format, :uhd, :dies_at, :dead)",
            token=link.token,
            item=link.item_id,
            format=link.format,
            uhd=int(link.uhd),
            dies_at=link.dies_at,
            dead=int(link.dead),
        )

    def living_link(self, item_id: int, file_format: str, uhd: bool, now: float) -> Link | None:
        rows = self._rows(
            """SELECT * FROM link WHERE item_id = :item AND format = :format AND uhd = :uhd
               AND NOT dead AND dies_at > :now""",
            item=item_id,
            format=file_format,
            uhd=int(uhd),
            now=now,
        )
        return _link(rows[0]) if rows else None

    def link(self, token: str) -> Link | None:
        rows = self._rows("SELECT * FROM link WHERE token = :token", token=token)
        return _link(rows[0]) if rows else None

    # Faults -----------------------------------------------------------------------------------

    def plan_fault(self, fault: PlannedFault) -> None:
        self._rows(
            """INSERT INTO fault (kind, operation, remaining, options)
               VALUES (:kind, :operation, :times, :options)""",
            kind=fault.kind,
            operation=fault.operation,
            times=fault.times,
            options=json.dumps(fault.options),
        )

    def planned_faults(self) -> list[PlannedFault]:
        return [
            PlannedFault(r["kind"], r["operation"], r["remaining"], json.loads(r["options"]))
            for r in self._rows("SELECT * FROM fault ORDER BY id")
        ]

    def clear_faults(self) -> None:
        self._rows("DELETE FROM fault")

    def take_fault(self, operation: str) -> Fault | None:
        """Use up one strike of the oldest fault planned for the operation."""
        with self.transaction():
            rows = self._rows(
                "SELECT * FROM fault WHERE operation = :op ORDER BY id LIMIT 1", op=operation
            )
            if not rows:
                return None
            self._rows(
                "UPDATE fault SET remaining = remaining - 1 WHERE id = :id", id=rows[0]["id"]
            )
            self._rows("DELETE FROM fault WHERE remaining < 1")
        return Fault(rows[0]["kind"], json.loads(rows[0]["options"]))

    # Calls ------------------------------------------------------------------------------------

    def record_call(self, operation: str, outcome: str, at: float, task_id: int | None) -> None:
        self._rows(
            "INSERT INTO call (operation, outcome, task_id, at) VALUES (:op, :out, :task, :at)",
            op=operation,
            out=outcome,
            task=task_id,
            at=at,
        )

    def call_counts(self) -> dict[str, dict[str, int]]:
        """Number of calls by operation and outcome."""
        counts: dict[str, dict[str, int]] = {}
        for row in self._rows("SELECT operation, outcome, count(*) AS n FROM call GROUP BY 1, 2"):
            counts.setdefault(row["operation"], {})[row["outcome"]] = row["n"]
        return counts

    def polls(self) -> dict[str, list[float]]:
        """Wall-clock times of the status calls of each task."""
        polls: dict[str, list[float]] = {}
        rows = self._rows(
            """SELECT task_id, at FROM call
               WHERE operation = 'status' AND task_id IS NOT NULL ORDER BY id"""
        )
        for row in rows:
            polls.setdefault(str(row["task_id"]), []).append(row["at"])
        return polls

    def forget_everything(self) -> None:
        """Empty every table but the settings that keep ids growing and links signed."""
        with self.transaction():
            for table in ("link", "item", "task", "upload", "fault", "call"):
                self._rows(f"DELETE FROM {table}")  # noqa: S608 - a constant
            self._rows("DELETE FROM setting WHERE name LIKE 'max_in_flight%'")


def _task(row: sqlite3.Row) -> Task:
    return Task(row["id"], row["kind"], json.loads(row["body"]), row["run"], row["created_at"])


def _item(row: sqlite3.Row) -> Item:
    values = dict(row)
    return Item(**{**values, "garbage": bool(values["garbage"]), "drawn": bool(values["drawn"])})


def _link(row: sqlite3.Row) -> Link:
    values = dict(row)
    return Link(**{**values, "uhd": bool(values["uhd"]), "dead": bool(values["dead"])})
