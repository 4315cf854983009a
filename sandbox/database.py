"""The sandbox's SQLite file: one connection behind a lock, its tables, and named settings."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VERSION = 2
"""Number of this layout. A file of another layout is emptied: it holds play data alone."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS account (
  provider TEXT NOT NULL, key TEXT NOT NULL, balance INTEGER NOT NULL,
  used INTEGER NOT NULL DEFAULT 0, promised INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (provider, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pool (
  provider TEXT NOT NULL, account TEXT NOT NULL, pool TEXT NOT NULL,
  in_flight INTEGER NOT NULL DEFAULT 0, most INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (provider, account, pool)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS upload (
  file_key TEXT PRIMARY KEY, provider TEXT NOT NULL, account TEXT NOT NULL, token TEXT UNIQUE,
  put_until REAL, file TEXT, sha256 TEXT, bytes INTEGER, width INTEGER, height INTEGER,
  animated INTEGER NOT NULL DEFAULT 0, two_toned INTEGER);
CREATE TABLE IF NOT EXISTS task (
  id INTEGER PRIMARY KEY, provider TEXT NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL,
  pool TEXT NOT NULL, remote_name TEXT NOT NULL, body TEXT NOT NULL, signature TEXT NOT NULL,
  run INTEGER NOT NULL, created_at REAL NOT NULL, origin TEXT NOT NULL, notes TEXT NOT NULL,
  open_items INTEGER NOT NULL, ends_at REAL NOT NULL, webhook_url TEXT,
  webhook_tries INTEGER NOT NULL DEFAULT 0, webhook_at REAL NOT NULL DEFAULT 0,
  webhook_done INTEGER NOT NULL DEFAULT 0, UNIQUE (provider, remote_name));
CREATE TABLE IF NOT EXISTS item (
  id INTEGER PRIMARY KEY, task_id INTEGER NOT NULL REFERENCES task ON DELETE CASCADE,
  position INTEGER NOT NULL, starts_at REAL NOT NULL, ends_at REAL NOT NULL,
  fate TEXT NOT NULL CHECK (fate IN ('success', 'failed', 'stuck')), credits INTEGER NOT NULL,
  media TEXT NOT NULL, error_code INTEGER NOT NULL DEFAULT 0, error_name TEXT, error_msg TEXT,
  garbage INTEGER NOT NULL DEFAULT 0, stage INTEGER NOT NULL, UNIQUE (task_id, position));
CREATE TABLE IF NOT EXISTS link (
  token TEXT PRIMARY KEY, item_id INTEGER NOT NULL REFERENCES item ON DELETE CASCADE,
  format TEXT NOT NULL, uhd INTEGER NOT NULL, dies_at REAL NOT NULL, dead INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS fault (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, operation TEXT NOT NULL, provider TEXT NOT NULL,
  remaining INTEGER, rate REAL, seen INTEGER NOT NULL DEFAULT 0, options TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS call (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, provider TEXT NOT NULL, account TEXT NOT NULL,
  operation TEXT NOT NULL, outcome TEXT NOT NULL, task_id INTEGER, status INTEGER NOT NULL,
  method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL, body TEXT);
CREATE INDEX IF NOT EXISTS item_by_stage ON item (stage, ends_at);
CREATE INDEX IF NOT EXISTS task_by_signature ON task (signature, run);
CREATE INDEX IF NOT EXISTS task_unsent ON task (ends_at)
  WHERE webhook_url IS NOT NULL AND webhook_done = 0;
CREATE INDEX IF NOT EXISTS link_by_item ON link (item_id);
CREATE INDEX IF NOT EXISTS call_by_account ON call (provider, account, operation, at);
"""
_TABLES = ("link", "item", "task", "pool", "account", "upload", "fault", "call")


class Database:
    """One SQLite file. Every method of its heirs is one transaction, so a kill loses nothing kept."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None, cached_statements=256
        )
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing at NORMAL; only a power cut could, and this is a sandbox.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._drop_other_layouts()
        self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def _drop_other_layouts(self) -> None:
        found = self._number("PRAGMA user_version")
        has_tables = self._number("SELECT count(*) FROM sqlite_master WHERE name = 'task'")
        if has_tables and found != _VERSION:
            logging.getLogger("sandbox").warning("The data of an older sandbox are dropped.")
            for table in (*_TABLES, "setting"):
                self._db.execute(f"DROP TABLE IF EXISTS {table}")

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

    def _row(self, sql: str, **values: object) -> sqlite3.Row | None:
        rows = self._rows(sql, **values)
        return rows[0] if rows else None

    def _number(self, sql: str, **values: object) -> int:
        row = self._row(sql, **values)
        return int(row[0] or 0) if row else 0

    def setting(self, name: str, default: str) -> str:
        """The stored value; `default` is stored first if there is none yet."""
        with self.transaction():
            self._rows("INSERT OR IGNORE INTO setting VALUES (:name, :v)", name=name, v=default)
            return str(self._rows("SELECT value FROM setting WHERE name = :name", name=name)[0][0])

    def set_setting(self, name: str, value: str) -> None:
        self._rows("INSERT OR REPLACE INTO setting VALUES (:name, :value)", name=name, value=value)

    def forget_everything(self) -> None:
        """Empty every table but the settings, which keep ids growing and links signed."""
        with self.transaction():
            for table in _TABLES:
                self._rows(f"DELETE FROM {table}")  # noqa: S608 - a constant
