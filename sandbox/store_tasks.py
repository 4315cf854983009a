"""Tasks and their items as the sandbox remembers them, and the webhooks that tell of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.accounts import Account
from sandbox.store_accounts import COUNTED, MAKING, READY, AccountTables

NEVER = 1e18
"""When something that is stuck ends."""


@dataclass(frozen=True, slots=True)
class Item:
    """One result asked for. Times are wall-clock seconds; its fate is settled from the start.

    `fate` is success, failed or stuck; `media` png, jpeg or mp4; `credits` are paid at success.
    """

    id: int
    task_id: int
    position: int
    starts_at: float
    ends_at: float
    fate: str
    credits: int
    media: str = "png"
    error_code: int = 0
    error_name: str | None = None
    error_msg: str | None = None
    garbage: bool = False
    drawn: bool = False

    def has_ended(self, now: float) -> bool:
        """Whether it failed or was delivered. A picture counts as done once its file is there."""
        return now >= self.ends_at and (self.drawn or self.fate == "failed")

    def status(self, now: float) -> str:
        """CREATED, RUNNING, SUCCESS or FAILED at the wall-clock time `now`."""
        if self.fate != "stuck" and self.has_ended(now):
            return "FAILED" if self.fate == "failed" else "SUCCESS"
        return "RUNNING" if now >= self.starts_at else "CREATED"


@dataclass(frozen=True, slots=True)
class Task:
    """One accepted request.

    `remote_name` is the id that the client was given, unique at its provider. `signature` is equal
    for requests of the very same thing, and `run` counts the earlier ones. `origin` is the base
    address the client called. `notes` are the wire's own, JSON.
    """

    id: int
    account: Account
    kind: str
    pool: str
    remote_name: str
    body: dict[str, Any]
    created_at: float
    signature: str = ""
    run: int = 0
    origin: str = ""
    webhook_url: str | None = None
    webhook_tries: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)


class TaskTables(AccountTables):
    """The part of the store that keeps tasks and items."""

    def next_id(self, now: float) -> int:
        """A fresh id shaped like a snowflake: milliseconds, then a counter; always growing."""
        with self.transaction():
            last = int(self.setting("last_id", "0"))
            # Room for the ids of a task's items, which follow its own.
            fresh = max(last + 64, int(now * 1000) << 20)
            self.set_setting("last_id", str(fresh))
        return fresh

    def runs_of(self, signature: str) -> int:
        """How many tasks have asked for the very same thing."""
        return self._number("SELECT max(run) + 1 FROM task WHERE signature = :s", s=signature)

    def add_task(self, task: Task, items: Iterable[Item]) -> None:
        """Keep the task, count it in its pool, and promise its credits."""
        items = list(items)
        ends = [NEVER if item.fate == "stuck" else item.ends_at for item in items]
        owner = {"provider": task.account.provider, "account": task.account.key}
        with self.transaction():
            self._rows(
                """INSERT INTO task (id, provider, account, kind, pool, remote_name, body,
                     signature, run, created_at, origin, notes, open_items, ends_at, webhook_url)
                   VALUES (:id, :provider, :account, :kind, :pool, :name, :body, :signature, :run,
                     :at, :origin, :notes, :open_items, :ends_at, :webhook_url)""",
                **owner,
                id=task.id,
                kind=task.kind,
                pool=task.pool,
                name=task.remote_name,
                body=json.dumps(task.body),
                signature=task.signature,
                run=task.run,
                at=task.created_at,
                origin=task.origin,
                notes=json.dumps(dict(task.notes)),
                open_items=len(items),
                ends_at=max(ends, default=task.created_at),
                webhook_url=task.webhook_url,
            )
            self._db.executemany(
                "INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_item_values(item) for item in items],
            )
            self._rows(
                """INSERT INTO pool VALUES (:provider, :account, :pool, 1, 1)
                   ON CONFLICT DO UPDATE SET in_flight = in_flight + 1,
                   most = max(most, in_flight + 1)""",
                **owner,
                pool=task.pool,
            )
            promised = sum(item.credits for item in items if item.fate != "failed")
            self._promise(task.account, promised)

    def task(self, task_id: int) -> Task | None:
        row = self._row("SELECT * FROM task WHERE id = :id", id=task_id)
        return _task(row) if row else None

    def task_by_name(self, provider: str, remote_name: str) -> Task | None:
        """The task whose id the provider gave out as `remote_name`."""
        row = self._row(
            "SELECT * FROM task WHERE provider = :provider AND remote_name = :name",
            provider=provider,
            name=remote_name,
        )
        return _task(row) if row else None

    def tasks(self, account: Account | None = None) -> list[tuple[Task, list[Item]]]:
        """Every task with its items, the oldest first; of one account if it is given."""
        which = "WHERE provider = :provider AND account = :account" if account else ""
        owner = {"provider": account.provider, "account": account.key} if account else {}
        tasks = self._rows(f"SELECT * FROM task {which} ORDER BY id", **owner)  # noqa: S608
        items: dict[int, list[Item]] = {row["id"]: [] for row in tasks}
        for row in self._rows("SELECT * FROM item ORDER BY id"):
            if row["task_id"] in items:
                items[row["task_id"]].append(_item(row))
        return [(_task(row), items[row["id"]]) for row in tasks]

    def items(self, task_id: int, account: Account | None = None) -> list[Item]:
        """The task's items in order; none if the task is not the account's."""
        if account is None:
            sql, owner = "SELECT * FROM item WHERE task_id = :id ORDER BY position", {}
        else:
            sql = """SELECT item.* FROM task JOIN item ON task_id = task.id WHERE task.id = :id
                     AND provider = :provider AND account = :account ORDER BY position"""
            owner = {"provider": account.provider, "account": account.key}
        return [_item(row) for row in self._rows(sql, id=task_id, **owner)]

    def item(self, item_id: int, account: Account | None = None) -> Item | None:
        """One item; None if it is unknown or not the account's."""
        row = self._row("SELECT * FROM item WHERE id = :id", id=item_id)
        if row is None or (account and not self.items(row["task_id"], account)):
            return None
        return _item(row)

    # Drawing ----------------------------------------------------------------------------------

    def undrawn_items(self) -> list[Item]:
        """Pictures promised and not on disk yet, in order of promise."""
        rows = self._rows(
            "SELECT * FROM item WHERE fate = 'success' AND stage = :stage ORDER BY id",
            stage=MAKING,
        )
        return [_item(row) for row in rows]

    def mark_drawn(self, item_id: int, media: str) -> None:
        """The item's file is there, of this kind (png, jpeg or mp4)."""
        self._rows(
            "UPDATE item SET stage = :ready, media = :media WHERE id = :id AND stage = :making",
            id=item_id,
            media=media,
            ready=READY,
            making=MAKING,
        )

    def mark_failed(self, item_id: int, code: int, message: str, name: str | None = None) -> None:
        """Let a promised item fail after all, when its time comes."""
        with self.transaction():
            row = self._row(
                """SELECT credits, provider, account FROM item JOIN task ON task.id = task_id
                   WHERE item.id = :id AND fate = 'success' AND stage <> :counted""",
                id=item_id,
                counted=COUNTED,
            )
            if row is None:
                return
            self._rows(
                """UPDATE item SET fate = 'failed', stage = :ready, error_code = :code,
                   error_name = :name, error_msg = :msg WHERE id = :id""",
                id=item_id,
                ready=READY,
                code=code,
                name=name,
                msg=message,
            )
            self._promise(Account(row["provider"], row["account"]), -row["credits"])

    # Webhooks ---------------------------------------------------------------------------------

    def ended_unsent_webhooks(self, now: float) -> list[Task]:
        """Tasks that have ended, whose webhook is due and not done with."""
        rows = self._rows(
            """SELECT * FROM task WHERE webhook_url IS NOT NULL AND webhook_done = 0
               AND ends_at <= :now AND webhook_at <= :now AND NOT EXISTS (
                 SELECT 1 FROM item WHERE task_id = task.id AND stage = :making)
               ORDER BY ends_at""",
            now=now,
            making=MAKING,
        )
        return [_task(row) for row in rows]

    def has_open_webhooks(self) -> bool:
        """Whether any task waits for its webhook, ended or not."""
        return bool(
            self._number(
                """SELECT EXISTS (SELECT 1 FROM task
                   WHERE webhook_url IS NOT NULL AND webhook_done = 0 AND ends_at < :never)""",
                never=NEVER,
            )
        )

    def mark_webhook(self, task_id: int, *, tries: int, next_at: float, done: bool) -> None:
        """Keep how often the webhook was sent, when it is due again, and whether that was all."""
        self._rows(
            """UPDATE task SET webhook_tries = :tries, webhook_at = :next_at, webhook_done = :done
               WHERE id = :id""",
            id=task_id,
            tries=tries,
            next_at=next_at,
            done=int(done),
        )


def _item_values(item: Item) -> tuple[object, ...]:
    stage = READY if item.drawn or item.fate == "failed" else MAKING
    return (
        item.id, item.task_id, item.position, item.starts_at, item.ends_at, item.fate,
        item.credits, item.media, item.error_code, item.error_name, item.error_msg,
        int(item.garbage), stage,
    )  # fmt: skip


def _task(row: sqlite3.Row) -> Task:
    return Task(
        id=row["id"],
        account=Account(row["provider"], row["account"]),
        kind=row["kind"],
        pool=row["pool"],
        remote_name=row["remote_name"],
        body=json.loads(row["body"]),
        created_at=row["created_at"],
        signature=row["signature"],
        run=row["run"],
        origin=row["origin"],
        webhook_url=row["webhook_url"],
        webhook_tries=row["webhook_tries"],
        notes=json.loads(row["notes"]),
    )


def _item(row: sqlite3.Row) -> Item:
    values = dict(row)
    stage = values.pop("stage")
    drawn = stage != MAKING and row["fate"] == "success"
    return Item(**{**values, "garbage": bool(row["garbage"]), "drawn": drawn})
