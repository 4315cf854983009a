"""Moves credits. The only writer of CreditAccount balances and LedgerEntry rows.

Every function runs inside the caller's transaction, so that a job and its money move together.
All amounts are whole credits of the team.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import ngettext

from teams.models import CreditAccount, LedgerEntry, Team


class InsufficientCredits(Exception):
    """The team cannot pay. Nothing was written. Its text is a sentence for people."""

    def __init__(self, *, needed: int, available: int) -> None:
        super().__init__(
            ngettext(
                "This needs %(needed)d credit and the team has %(available)d available.",
                "This needs %(needed)d credits and the team has %(available)d available.",
                needed,
            )
            % {"needed": needed, "available": available}
        )
        self.needed = needed
        self.available = available


class AlreadyPosted(Exception):
    """The key was used before: these credits are counted. `entry` is what it stands for."""

    def __init__(self, entry: LedgerEntry) -> None:
        super().__init__(f"{entry.key} already stands for entry {entry.seq}")
        self.entry = entry


def post(
    *,
    team: Team,
    kind: LedgerEntry.Kind,
    d_posted: int,
    d_held: int,
    key: str,
    actor: str,
    job: str = "",
    reason: str = "",
    price_version: str = "",
) -> LedgerEntry:
    """Move the team's account by (d_posted, d_held) credits and append the entry that says so.

    The account moves by one conditional UPDATE: whoever would overspend changes no row. The UPDATE
    also locks the account row until the transaction ends, so entries chain without gaps.

    Raises InsufficientCredits with nothing written, and IntegrityError when the key was used
    before or the entry has a shape its kind does not allow; the caller's transaction is lost then.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("Credits move only inside a transaction.")
    moved = CreditAccount.objects.filter(
        team=team, posted__gte=F("held") + d_held - d_posted
    ).update(posted=F("posted") + d_posted, held=F("held") + d_held, seq=F("seq") + 1)
    account = CreditAccount.objects.get(team=team)
    if not moved:
        raise InsufficientCredits(needed=d_held - d_posted, available=account.available)
    return LedgerEntry.objects.create(
        account=account,
        seq=account.seq,
        kind=kind,
        d_posted=d_posted,
        d_held=d_held,
        posted_after=account.posted,
        held_after=account.held,
        job=job,
        key=key,
        actor=actor,
        reason=reason,
        price_version=price_version,
    )


def grant(*, team: Team, amount: int, actor: str, reason: str, key: str) -> LedgerEntry:
    """Give the team credits, once per `key`, however often a form is sent.

    Raises AlreadyPosted when the key was used before; the caller's transaction stays usable.
    """
    if amount <= 0:
        raise ValueError(f"a grant of {amount} credits")
    key = f"grant:{key}"
    try:
        with transaction.atomic():
            return post(
                team=team,
                kind=LedgerEntry.Kind.GRANT,
                d_posted=amount,
                d_held=0,
                key=key,
                actor=actor,
                reason=reason,
            )
    except IntegrityError:
        known = LedgerEntry.objects.for_team(team).filter(key=key).first()
        if known is None:
            raise
        raise AlreadyPosted(known) from None


def hold(*, team: Team, amount: int, job: str, actor: str, price_version: str) -> LedgerEntry:
    """Reserve the price of a job before the provider is called."""
    return post(
        team=team,
        kind=LedgerEntry.Kind.HOLD,
        d_posted=0,
        d_held=amount,
        key=f"hold:{job}",
        job=job,
        actor=actor,
        price_version=price_version,
    )


def settle(
    *, team: Team, held: int, captured: int, job: str, actor: str, price_version: str
) -> LedgerEntry:
    """Spend `captured` of a job's `held` credits and return the rest.

    Never refused for want of credits: 0 <= captured <= held, and the hold is already counted.
    """
    if not 0 <= captured <= held:
        raise ValueError(f"captured {captured} of {held} held credits")
    return post(
        team=team,
        kind=LedgerEntry.Kind.SETTLE,
        d_posted=-captured,
        d_held=-held,
        key=f"settle:{job}",
        job=job,
        actor=actor,
        price_version=price_version,
    )
