"""What a launch costs a team now, what it leaves of credits and budgets, and how long it may wait."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.utils.timezone import now

from catalog.keyset import capped_count
from generation.models import Job, Pool, ProviderAccount, State
from generation.operations import Ask, Offer, Operation, Quote
from generation.prices import prices_at
from generation.views.rows import WAITING, JobRow, typical_seconds
from teams.budget_status import Standing, managers, outlook
from teams.http import TeamRequest

_NAMED = 3
"""Admins whom a price that cannot be paid names at most."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What one job costs the person who asks, in credits, and what is left after it."""

    quote: Quote
    available: int
    standings: Sequence[Standing]
    """The budgets that the job counts in, the team's first."""
    ask: Sequence[str]
    """Who can help where it cannot be paid."""

    @property
    def price(self) -> int:
        """Credits that are held at the launch."""
        return self.quote.total

    @property
    def after(self) -> int:
        """Credits available after the launch."""
        return self.available - self.price

    @property
    def is_affordable(self) -> bool:
        """Whether the team has the credits."""
        return self.after >= 0

    @property
    def refusing(self) -> Standing | None:
        """The budget that forbids the launch."""
        return next((entry for entry in self.standings if not entry.allows(self.price)), None)

    @property
    def passed(self) -> Standing | None:
        """The budget that only warns, and that the launch would pass."""
        beyond = (s for s in self.standings if s.used + self.price > s.allowed)
        return None if self.refusing else next(beyond, None)

    @property
    def narrowest(self) -> Standing | None:
        """The budget with the least left."""
        return min(self.standings, key=lambda entry: entry.left, default=None)

    @property
    def budget_after(self) -> int:
        """Credits left of the narrowest budget after the launch."""
        return max(0, self.narrowest.left - self.price) if self.narrowest else 0

    @property
    def can_launch(self) -> bool:
        """Whether credits and budgets allow the launch."""
        return self.is_affordable and self.refusing is None


@dataclass(frozen=True, slots=True)
class Cost(Bill):
    """A bill, and how long the job may wait."""

    slots: int
    ahead: int
    is_paused: bool
    seconds: int

    @property
    def wait_minutes(self) -> int:
        """About how long the job waits for a free place. 0 means that it starts at once."""
        rounds = self.ahead // max(self.slots, 1)
        return math.ceil(rounds * self.seconds / 60)


def cost_of_launch(
    request: TeamRequest,
    operation: Operation,
    offer: Offer,
    account: ProviderAccount,
    given: Collection[str] = (),
) -> Cost:
    """The cost of one launch with the inputs that are `given`, for the person who asks."""
    ask = Ask(offer.defaults(), frozenset(given))
    bill = _bill(request, prices_at().quote(operation.name, offer, ask))
    pool = Pool.objects.filter(account=account, name=offer.pool).first()
    slots, ahead = 0, 0
    if pool is not None:
        slots = pool.slots
        ahead = capped_count(
            Job.objects.filter(pool=pool, state__in=[*WAITING, State.SUBMITTING, State.RUNNING])
        )
    paused = account.is_paused or (
        account.closed_until is not None and account.closed_until > now()
    )
    return Cost(
        bill.quote,
        bill.available,
        bill.standings,
        bill.ask,
        slots,
        ahead,
        paused,
        typical_seconds(request.team, operation.name, account),
    )


def bill_of_retry(request: TeamRequest, row: JobRow) -> Bill | None:
    """What trying a job again costs the person who asks. None: it is not offered any more."""
    return _bill(request, row.retry_quote) if row.retry_quote else None


def _bill(request: TeamRequest, quote: Quote) -> Bill:
    available = request.team.credit_account.available
    standings = outlook(request.team, request.user, now())
    bill = Bill(quote, available, standings, ())
    if bill.can_launch:
        return bill
    others = [person for person in managers(request.team) if person != request.user]
    names = [person.get_full_name() for person in others[:_NAMED]]
    return Bill(quote, available, standings, names)
