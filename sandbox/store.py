"""What the sandbox remembers, in SQLite: uploads, links and faults here, tasks and calls beside."""

from __future__ import annotations

import json
import random
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sandbox.accounts import Account
from sandbox.faults import Fault, PlannedFault
from sandbox.store_calls import CallDetail, CallLog
from sandbox.store_tasks import NEVER, Item, Task, TaskTables

__all__ = ["NEVER", "CallDetail", "Item", "Link", "Store", "Task", "Upload"]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file handed in, or a place kept for one (`file` is None until its bytes arrive).

    `two_toned` is whether it is pure black and white; None while nobody has looked.
    """

    file_key: str
    file: str | None
    sha256: str | None
    bytes: int | None
    width: int | None
    height: int | None
    animated: bool
    two_toned: bool | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A public address of one result file in one format, good until `dies_at`."""

    token: str
    item_id: int
    format: str
    uhd: bool
    dies_at: float
    dead: bool


class Store(TaskTables, CallLog):
    """One SQLite file. Every method is one transaction; killing the process loses nothing committed."""

    def __init__(self, path: Path, seed: int = 0) -> None:
        super().__init__(path)
        self._seed = seed
        # Asked for by every call, so it is not read from the file when there is nothing planned.
        self._has_faults = bool(self._number("SELECT count(*) FROM fault"))

    # Uploads ----------------------------------------------------------------------------------

    def reserve_upload(self, account: Account, file_key: str, token: str, put_until: float) -> None:
        """Keep a place for a file that will come to the link of this token."""
        self._rows(
            """INSERT INTO upload (file_key, provider, account, token, put_until)
               VALUES (:key, :provider, :account, :token, :until)""",
            key=file_key,
            provider=account.provider,
            account=account.key,
            token=token,
            until=put_until,
        )

    def reserved_upload(self, token: str, now: float) -> tuple[Account, str] | None:
        """The account and file key that a still-living upload link stands for."""
        row = self._row(
            "SELECT * FROM upload WHERE token = :token AND put_until > :now", token=token, now=now
        )
        return (Account(row["provider"], row["account"]), row["file_key"]) if row else None

    def save_upload(self, account: Account, upload: Upload) -> None:
        """Keep what has arrived under its file key."""
        self._rows(
            """INSERT INTO upload (file_key, provider, account, file, sha256, bytes, width, height,
                 animated, two_toned)
               VALUES (:key, :provider, :account, :file, :sha256, :bytes, :width, :height,
                 :animated, :two_toned)
               ON CONFLICT (file_key) DO UPDATE SET file = :file, sha256 = :sha256,
               bytes = :bytes, width = :width, height = :height, animated = :animated,
               two_toned = :two_toned""",
            key=upload.file_key,
            provider=account.provider,
            account=account.key,
            file=upload.file,
            sha256=upload.sha256,
            bytes=upload.bytes,
            width=upload.width,
            height=upload.height,
            animated=int(upload.animated),
            two_toned=None if upload.two_toned is None else int(upload.two_toned),
        )

    def upload(self, file_key: str, account: Account) -> Upload | None:
        """A file of the account that has arrived, or None."""
        row = self._row(
            """SELECT file_key, file, sha256, bytes, width, height, animated, two_toned FROM upload
               WHERE file_key = :key AND provider = :provider AND account = :account
               AND file IS NOT NULL""",
            key=file_key,
            provider=account.provider,
            account=account.key,
        )
        if row is None:
            return None
        two_toned = None if row["two_toned"] is None else bool(row["two_toned"])
        return Upload(**{**dict(row), "animated": bool(row["animated"]), "two_toned": two_toned})

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
        """The address that was given out for this and still works."""
        row = self._row(
            """SELECT * FROM link WHERE item_id = :item AND format = :format AND uhd = :uhd
               AND NOT dead AND dies_at > :now""",
            item=item_id,
            format=file_format,
            uhd=int(uhd),
            now=now,
        )
        return _link(row) if row else None

    def link(self, token: str) -> Link | None:
        row = self._row("SELECT * FROM link WHERE token = :token", token=token)
        return _link(row) if row else None

    # Faults -----------------------------------------------------------------------------------

    def plan_fault(self, fault: PlannedFault) -> None:
        with self._lock:
            self._rows(
                """INSERT INTO fault (kind, operation, provider, remaining, rate, options)
                   VALUES (:kind, :operation, :provider, :times, :rate, :options)""",
                kind=fault.kind,
                operation=fault.operation,
                provider=fault.provider,
                times=fault.times,
                rate=fault.rate,
                options=json.dumps(fault.options),
            )
            self._has_faults = True

    def planned_faults(self) -> list[PlannedFault]:
        return [
            PlannedFault(
                row["kind"], row["operation"], row["remaining"], json.loads(row["options"]),
                row["provider"], row["rate"],
            )
            for row in self._rows("SELECT * FROM fault ORDER BY id")
        ]  # fmt: skip

    def clear_faults(self) -> None:
        with self._lock:
            self._rows("DELETE FROM fault")
            self._has_faults = False

    def take_fault(self, provider: str, operation: str) -> Fault | None:
        """Use up one strike of the oldest fault planned for the operation that strikes this call.

        A fault with a rate strikes its share of calls, chosen by the seed and the call's number.
        """
        if not self._has_faults:
            return None
        with self.transaction():
            rows = self._rows(
                """SELECT * FROM fault WHERE operation = :operation
                   AND provider IN ('', :provider) ORDER BY id""",
                operation=operation,
                provider=provider,
            )
            for row in rows:
                if row["rate"] is not None:
                    self._rows("UPDATE fault SET seen = seen + 1 WHERE id = :id", id=row["id"])
                    chance = random.Random(f"{self._seed}|{row['id']}|{row['seen']}")  # noqa: S311
                    if chance.random() >= row["rate"]:
                        continue
                if row["remaining"] is not None:
                    self._rows(
                        "UPDATE fault SET remaining = remaining - 1 WHERE id = :id", id=row["id"]
                    )
                    self._rows("DELETE FROM fault WHERE remaining < 1")
                    self._has_faults = bool(self._number("SELECT count(*) FROM fault"))
                return Fault(row["kind"], json.loads(row["options"]))
        return None

    def forget_everything(self) -> None:
        """Empty every table but the settings, which keep ids growing and links signed."""
        with self._lock:
            super().forget_everything()
            self._has_faults = False


def _link(row: sqlite3.Row) -> Link:
    values = dict(row)
    return Link(**{**values, "uhd": bool(values["uhd"]), "dead": bool(values["dead"])})
