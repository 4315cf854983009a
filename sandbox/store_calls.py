"""The log of calls in the store: who asked what, when, and how it was answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sandbox.accounts import Account, is_known
from sandbox.database import Database

KEPT_CALLS = 200_000
"""Calls that the log holds; older ones are forgotten."""

_SHORTEN = 200
"""Letters that are kept of a data URI: the log holds no pictures."""


@dataclass(frozen=True, slots=True)
class CallDetail:
    """What a call looked like: `body` is the JSON of a submit, never bytes of a file."""

    method: str = ""
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    status: int = 0


class CallLog(Database):
    """The part of the store that keeps calls."""

    def record_call(
        self,
        account: Account,
        operation: str,
        outcome: str,
        at: float,
        task_id: int | None = None,
        detail: CallDetail | None = None,
    ) -> None:
        """Keep one call, without its key if the sandbox has no account for it.

        `outcome` is ok, dropped, http_<status> or the provider's error code.
        """
        told = detail or CallDetail()
        # A refused key may be somebody's real one, sent here by mistake.
        key = account.key if is_known(account.key) else ""
        with self._lock:
            cursor = self._db.execute(
                """INSERT INTO call (at, provider, account, operation, outcome, task_id, status,
                     method, path, query, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (
                    at, account.provider, key, operation, outcome, task_id, told.status,
                    told.method, told.path, json.dumps(told.query) if told.query else "",
                    json.dumps(without_pictures(told.body)) if told.body is not None else None,
                ),
            )  # fmt: skip
            newest = cursor.lastrowid or 0
            if newest > KEPT_CALLS and newest % 1000 == 0:
                self._rows("DELETE FROM call WHERE id <= :id", id=newest - KEPT_CALLS)

    def calls(
        self, after: int = 0, account: str = "", operation: str = "", most: int = 1000
    ) -> list[dict[str, Any]]:
        """At most `most` calls as the log tells them, the oldest after `after` first."""
        rows = self._rows(
            """SELECT call.*, remote_name FROM call LEFT JOIN task ON task.id = call.task_id
               WHERE call.id > :after AND (:account = '' OR call.account = :account)
               AND (:operation = '' OR operation = :operation) ORDER BY call.id LIMIT :most""",
            after=after,
            account=account,
            operation=operation,
            most=most,
        )
        return [
            {
                "id": row["id"],
                "at": row["at"],
                "provider": row["provider"],
                "account": row["account"],
                "operation": row["operation"],
                "method": row["method"],
                "path": row["path"],
                "query": json.loads(row["query"] or "{}"),
                "body": json.loads(row["body"]) if row["body"] else None,
                "outcome": row["outcome"],
                "status": row["status"],
                "task": row["remote_name"] or (str(row["task_id"]) if row["task_id"] else None),
            }
            for row in rows
        ]

    def call_counts(self, account: Account) -> dict[str, dict[str, int]]:
        """Number of calls by operation and outcome."""
        counts: dict[str, dict[str, int]] = {}
        for row in self._rows(
            """SELECT operation, outcome, count(*) AS n FROM call
               WHERE provider = :provider AND account = :account GROUP BY 1, 2""",
            provider=account.provider,
            account=account.key,
        ):
            counts.setdefault(row["operation"], {})[row["outcome"]] = row["n"]
        return counts

    def polls(self, account: Account) -> dict[str, list[float]]:
        """Wall-clock times of the status calls of each task, by the id the client knows."""
        polls: dict[str, list[float]] = {}
        rows = self._rows(
            """SELECT coalesce(remote_name, task_id) AS name, at FROM call
               LEFT JOIN task ON task.id = call.task_id
               WHERE call.provider = :provider AND call.account = :account
               AND operation = 'status' AND task_id IS NOT NULL ORDER BY call.id""",
            provider=account.provider,
            account=account.key,
        )
        for row in rows:
            polls.setdefault(str(row["name"]), []).append(row["at"])
        return polls


def without_pictures(value: Any) -> Any:
    """JSON with its data URIs cut short."""
    if isinstance(value, dict):
        return {key: without_pictures(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_pictures(part) for part in value]
    if isinstance(value, str) and value.startswith("data:") and len(value) > _SHORTEN:
        return f"{value[:60]}… ({len(value)} letters)"
    return value
