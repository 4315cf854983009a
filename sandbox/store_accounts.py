"""What tasks cost and how many there are at once: balances, promised credits, and pools.

Counters are moved when a task is taken and again, for all items at once, when somebody asks after
the items' ends. So neither a submit nor a look at the balance grows dearer with tasks in flight.
"""

from __future__ import annotations

from collections import Counter

from sandbox.accounts import Account
from sandbox.database import Database

MAKING, READY, COUNTED = 0, 1, 2
"""An item's stage: not drawn yet; drawn or bound to fail; ended and counted."""


class AccountTables(Database):
    """The part of the store that keeps accounts and counts what they have in flight."""

    def open_account(self, account: Account, balance: int) -> None:
        """Make the account with this balance, unless there is one."""
        self._rows(
            "INSERT OR IGNORE INTO account (provider, key, balance) VALUES (:provider, :key, :n)",
            provider=account.provider,
            key=account.key,
            n=balance,
        )

    def has_account(self, account: Account) -> bool:
        """Whether the key was used before."""
        return bool(
            self._number(
                "SELECT count(*) FROM account WHERE provider = :provider AND key = :key",
                provider=account.provider,
                key=account.key,
            )
        )

    def accounts(self) -> list[Account]:
        rows = self._rows("SELECT provider, key FROM account ORDER BY provider, key")
        return [Account(row["provider"], row["key"]) for row in rows]

    def balance(self, account: Account) -> int:
        """Credits the account was given in all."""
        return self._of_account("balance", account)

    def set_balance(self, account: Account, credits_: int) -> None:
        self.open_account(account, credits_)
        self._rows(
            "UPDATE account SET balance = :n WHERE provider = :provider AND key = :key",
            provider=account.provider,
            key=account.key,
            n=credits_,
        )

    def credits_used(self, account: Account, now: float) -> int:
        """Credits of the pictures delivered by `now`."""
        self.count_ended(now)
        return self._of_account("used", account)

    def credits_promised(self, account: Account, now: float) -> int:
        """Credits that pictures still in the making will cost."""
        self.count_ended(now)
        return self._of_account("promised", account)

    def in_flight(self, account: Account, pool: str, now: float) -> int:
        """Tasks of the pool with at least one item that has not ended."""
        self.count_ended(now)
        return self._number(
            """SELECT in_flight FROM pool
               WHERE provider = :provider AND account = :account AND pool = :pool""",
            provider=account.provider,
            account=account.key,
            pool=pool,
        )

    def max_in_flight(self, account: Account) -> dict[str, int]:
        """The most tasks there ever were at once in each pool that was used."""
        rows = self._rows(
            "SELECT pool, most FROM pool WHERE provider = :provider AND account = :account",
            provider=account.provider,
            account=account.key,
        )
        return {row["pool"]: row["most"] for row in rows}

    def count_ended(self, now: float) -> None:
        """Charge and take out of their pools what has ended since this was last asked."""
        ended = "stage = :ready AND item.ends_at <= :now"
        with self.transaction():
            rows = self._rows(
                f"""SELECT task_id, fate, credits, provider, account, pool FROM item
                    JOIN task ON task.id = task_id WHERE {ended}""",  # noqa: S608 - a constant
                ready=READY,
                now=now,
            )
            if not rows:
                return
            self._rows(
                f"UPDATE item SET stage = {COUNTED} WHERE {ended}",  # noqa: S608
                ready=READY,
                now=now,
            )
            left: dict[int, int] = {}
            charged: Counter[tuple[str, str]] = Counter()
            freed: Counter[tuple[str, str, str]] = Counter()
            for row in rows:
                owner = (row["provider"], row["account"])
                charged[owner] += row["credits"] if row["fate"] == "success" else 0
                left[row["task_id"]] = self._number(
                    "UPDATE task SET open_items = open_items - 1 WHERE id = :id RETURNING open_items",
                    id=row["task_id"],
                )
                if left[row["task_id"]] == 0:
                    freed[*owner, row["pool"]] += 1
            self._db.executemany(
                """UPDATE account SET used = used + ?, promised = promised - ?
                   WHERE provider = ? AND key = ?""",
                [(n, n, *owner) for owner, n in charged.items()],
            )
            self._db.executemany(
                """UPDATE pool SET in_flight = in_flight - ?
                   WHERE provider = ? AND account = ? AND pool = ?""",
                [(n, *pool) for pool, n in freed.items()],
            )

    def _promise(self, account: Account, credits_: int) -> None:
        self._rows(
            """UPDATE account SET promised = promised + :n
               WHERE provider = :provider AND key = :key""",
            provider=account.provider,
            key=account.key,
            n=credits_,
        )

    def _of_account(self, column: str, account: Account) -> int:
        return self._number(
            f"SELECT {column} FROM account WHERE provider = :provider AND key = :key",  # noqa: S608
            provider=account.provider,
            key=account.key,
        )
