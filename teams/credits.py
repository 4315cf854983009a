"""Moves credits. The only writer of CreditAccount balances and LedgerEntry rows.

Every function runs inside the caller's transaction, so that a job and its money move together.
All amounts are whole credits of the team.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from teams.models import CreditAccount, LedgerEntry, Team


class InsufficientCredits(Exception):
    """The team cannot pay. Nothing was written."""

    def __init__(self, *, needed: int, available: int) -> None:
        super().__init__(
            _("This needs %(needed)d credits and the team has %(available)d available.")
            % {"needed": needed, "available": available}
        )
        self.needed = needed
        self.available = available


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
    before or the entry has a shape its kind does not allow.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("Credits move only inside a transaction.")
    moved = CreditAccount.objects.filter(
        team=team, posted__gte=F("held") - F("overdraft") + d_held - d_posted
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
    """Give the team credits. `key` makes a resent form count once (IntegrityError)."""
    return post(
        team=team,
        kind=LedgerEntry.Kind.GRANT,
        d_posted=amount,
        d_held=0,
        key=f"grant:{key}",
        actor=actor,
        reason=reason,
    )


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
