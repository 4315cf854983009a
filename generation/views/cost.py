"""What a launch costs a team now, what it leaves, and how long it may wait."""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.utils.timezone import now

from catalog.keyset import capped_count
from generation.models import Job, Pool, ProviderAccount, State
from generation.operations import Offer, Operation, Quote
from generation.views.rows import WAITING, typical_seconds
from teams.access import RIGHTS, Right
from teams.http import TeamRequest
from teams.models import Membership


@dataclass(frozen=True, slots=True)
class Cost:
    """What a launch costs now, in credits, and how long it may wait."""

    quote: Quote
    available: int
    slots: int
    ahead: int
    is_paused: bool
    seconds: int
    ask: list[str]

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
        """Whether the team can pay."""
        return self.after >= 0

    @property
    def wait_minutes(self) -> int:
        """About how long the job waits for a free place. 0 means that it starts at once."""
        rounds = self.ahead // max(self.slots, 1)
        return math.ceil(rounds * self.seconds / 60)


def cost_of_launch(
    request: TeamRequest, operation: Operation, offer: Offer, account: ProviderAccount
) -> Cost:
    """The cost of one launch, for the person who asks."""
    quote = offer.quote()
    available = request.team.credit_account.available
    pool = Pool.objects.filter(account=account, name=offer.pool).first()
    slots, ahead = 0, 0
    if pool is not None:
        slots = pool.slots
        ahead = capped_count(
            Job.objects.filter(pool=pool, state__in=[*WAITING, State.SUBMITTING, State.RUNNING])
        )
    ask: list[str] = []
    if available < quote.total:
        managers = [role for role, rights in RIGHTS.items() if Right.MANAGE_TEAM in rights]
        members = (
            Membership.objects.filter(team=request.team, role__in=managers)
            .exclude(user_id=request.user.pk)
            .select_related("user")
            .order_by("pk")[:3]
        )
        ask = [member.user.get_full_name() for member in members]
    paused = account.is_paused or (
        account.closed_until is not None and account.closed_until > now()
    )
    seconds = typical_seconds(request.team, operation.name, account)
    return Cost(quote, available, slots, ahead, paused, seconds, ask)
