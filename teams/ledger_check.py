"""Proves the ledger by adding it up: every entry, every account.

The triggers keep the rules while rows are written; this finds what was done to the tables without
them, and shows that nothing was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from teams.models import CreditAccount, LedgerEntry, Team

_CHUNK = 5000
_COLUMNS = ("account_id", "seq", "kind", "d_posted", "d_held", "posted_after", "held_after", "job")
_Row = tuple[int, int, str, int, int, int, int, str]


@dataclass(frozen=True)
class _Balance:
    slug: str
    posted: int
    held: int
    seq: int


def find_differences() -> Iterator[str]:
    """Name everything that does not add up, one sentence each; nothing means that all does.

    Reads each entry once and keeps only one account's open holds in memory. It may run beside the
    living system: accounts are read first, and entries later than that are left out, so both
    belong to one moment without a lock.
    """
    accounts = {
        pk: _Balance(slug, posted, held, seq)
        for pk, slug, posted, held, seq in CreditAccount.objects.values_list(
            "pk", "team__slug", "posted", "held", "seq"
        )
    }
    rows = (
        LedgerEntry.objects.order_by("account_id", "seq")
        .values_list(*_COLUMNS)
        .iterator(chunk_size=_CHUNK)
    )
    seen: set[int] = set()
    overtaken: dict[int, int] = {}
    for pk, entries in groupby(rows, key=itemgetter(0)):
        seen.add(pk)
        if pk not in accounts:  # Founded while this runs.
            continue
        yield from _check_account(accounts[pk], entries, overtaken)
    for pk, balance in accounts.items():
        if pk not in seen and (balance.posted, balance.held, balance.seq) != (0, 0, 0):
            yield f"{balance.slug}: the account has a balance and no entries."
    yield from _check_overtaken(overtaken)
    for slug in Team.objects.filter(credit_account=None).values_list("slug", flat=True):
        yield f"{slug}: the team has no credit account."


def _check_account(
    balance: _Balance, entries: Iterator[_Row], overtaken: dict[int, int]
) -> Iterator[str]:
    seq = posted = held = 0
    open_holds: dict[str, int] = {}
    for pk, number, kind, d_posted, d_held, posted_after, held_after, job in entries:
        if number > balance.seq:
            overtaken[pk] = number
            continue
        if number != seq + 1:
            yield f"{balance.slug}: entry {seq + 1} is missing."
        posted, held, seq = posted + d_posted, held + d_held, number
        if (posted, held) != (posted_after, held_after):
            yield (
                f"{balance.slug}: entry {seq} says {posted_after} posted and {held_after} held;"
                f" the entries up to it add up to {posted} and {held}."
            )
            posted, held = posted_after, held_after
        if kind == LedgerEntry.Kind.HOLD:
            open_holds[job] = d_held
        elif kind == LedgerEntry.Kind.SETTLE and open_holds.pop(job, None) != -d_held:
            yield f"{balance.slug}: entry {seq} settles {-d_held} credits that were not held."
    if seq != balance.seq:
        yield f"{balance.slug}: the account counts {balance.seq} entries, there are {seq}."
    if (posted, held) != (balance.posted, balance.held):
        yield (
            f"{balance.slug}: the account holds {balance.posted} posted and {balance.held} held;"
            f" its entries add up to {posted} and {held}."
        )
    if sum(open_holds.values()) != held:
        yield f"{balance.slug}: {held} credits are held, for jobs only {sum(open_holds.values())}."


def _check_overtaken(overtaken: dict[int, int]) -> Iterator[str]:
    """Entries later than their account's first reading are fine if the account has moved on."""
    for slug, pk, seq in CreditAccount.objects.filter(pk__in=overtaken).values_list(
        "team__slug", "pk", "seq"
    ):
        if seq < overtaken[pk]:
            yield f"{slug}: the account counts {seq} entries, there is an entry {overtaken[pk]}."
