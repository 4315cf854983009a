"""What operators do with prices: add a rule, withdraw one that does not count yet.

Rules that count, or counted, are never changed: another one follows. Both acts are recorded.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from generation.models import PriceRule
from generation.operations import OPERATIONS
from generation.operators.price_table import words_of
from generation.prices import ALL
from teams.audit import record
from teams.models import User

MOST_PERCENT = 1000
MOST_CREDITS = 10_000


class RuleRefused(Exception):
    """It cannot be done. Nothing was written. `sentence` says why, `field` what to change."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


def check_rule(rule: PriceRule, at: datetime) -> None:
    """Raise RuleRefused for a rule that cannot be added at the moment `at`."""
    operation, _slash, offer = rule.offer.partition("/")
    row = OPERATIONS.get(operation)
    if rule.offer != ALL and (row is None or row.offer(offer) is None):
        raise RuleRefused(_("There is no such offer. Choose one of the list."), "offer")
    if (rule.percent is None) == (rule.unit is None):
        raise RuleRefused(_("Give a share of the formula or an amount, one of the two."), "figure")
    if not 0 <= (rule.percent or 0) <= MOST_PERCENT or not 0 <= (rule.unit or 0) <= MOST_CREDITS:
        raise RuleRefused(
            _("At most %(percent)d %% or %(credits)d credits.")
            % {"percent": MOST_PERCENT, "credits": MOST_CREDITS},
            "figure",
        )
    if rule.effective_at < at:
        raise RuleRefused(
            _("This moment is over. Prices of the past do not change; leave it empty for now."),
            "effective_at",
        )
    same = PriceRule.objects.filter(
        offer=rule.offer, withdrawn_at=None, effective_at__lte=rule.effective_at
    )
    newest = same.order_by("-effective_at", "-pk").first()
    # A form that was sent twice ends here as well.
    if newest and (newest.percent, newest.unit) == (rule.percent, rule.unit):
        raise RuleRefused(
            _("The rule before it says the same: %(rule)s.") % {"rule": words_of(newest)}, "figure"
        )


@transaction.atomic
def add_rule(
    *,
    offer: str,
    percent: int | None,
    unit: int | None,
    effective_at: datetime | None,
    reason: str,
    by: User,
) -> PriceRule:
    """Add a rule that counts from `effective_at` on, from now on if that is None.

    Exactly one of `percent` (of the formula) and `unit` (credits per result) is given. Raises
    RuleRefused.
    """
    at = now()
    rule = PriceRule(
        offer=offer,
        percent=percent,
        unit=unit,
        effective_at=effective_at or at,
        reason=reason,
        actor=by.email,
    )
    check_rule(rule, at)
    rule.save(force_insert=True)
    _record(rule, by, "price.set", reason=reason)
    return rule


@transaction.atomic
def withdraw_rule(*, rule: PriceRule, by: User) -> None:
    """Take back a rule that does not count yet. Raises RuleRefused for any other."""
    at = now()
    waiting = PriceRule.objects.filter(pk=rule.pk, withdrawn_at=None, effective_at__gt=at)
    if not waiting.update(withdrawn_at=at):
        rule.refresh_from_db()
        raise RuleRefused(
            _("This rule was withdrawn already.")
            if rule.withdrawn_at
            else _("This rule counts already. Add another one that follows it.")
        )
    _record(rule, by, "price.withdrawn")


def _record(rule: PriceRule, by: User, action: str, **data: str) -> None:
    record(
        team=None,
        actor=by,
        action=action,
        subject=rule.offer or "*",
        rule=rule.pk,
        percent=rule.percent,
        unit=rule.unit,
        effective_at=rule.effective_at.isoformat(),
        **data,
    )
