"""Tells people when a month passes a mark of its budget: once by mail, and in the shell meanwhile.

The marks are the budget's own per cent and 100 %. Each counts once a month; one that a higher limit
moved away counts anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from teams.access import Right, may
from teams.budget_status import Standing, managers, month_of
from teams.letters import send_letters
from teams.models import Budget, BudgetPeriod, Membership


@dataclass(frozen=True, slots=True)
class Notice:
    """A line in the shell. `key` changes when there is something new to say."""

    key: str
    text: str
    page: str
    link: str


def announce(budget: Budget, period: BudgetPeriod, at: datetime) -> None:
    """Mail that the month passed a mark, unless that was told. In the caller's transaction.

    One movement that passes both marks is told as the second alone.
    """
    standing = Standing(budget, period.starts, used=period.used, extra=period.extra)
    this = BudgetPeriod.objects.filter(pk=period.pk)
    if standing.is_reached:
        told_now = this.filter(exhausted_at=None).update(
            exhausted_at=at, warned_at=Coalesce(F("warned_at"), at)
        )
    elif standing.is_near:
        told_now = this.filter(warned_at=None).update(warned_at=at)
    else:
        return
    if told_now:
        _mail(standing)


def rearm(standing: Standing, period: BudgetPeriod) -> None:
    """Let the marks that a higher limit moved away count anew."""
    changes: dict[str, None] = {}
    if not standing.is_near:
        changes["warned_at"] = None
    if not standing.is_reached:
        changes["exhausted_at"] = None
    if changes:
        BudgetPeriod.objects.filter(pk=period.pk).update(**changes)


def _mail(standing: Standing) -> None:
    budget = standing.budget
    team, member = budget.team, budget.member
    context = {"team": team, "member": member, "standing": standing, "link": page_link(budget)}
    readers = [person.email for person in managers(team)]
    if member is None:
        send_letters("budget_mark", readers, context)
        return
    send_letters("budget_mark", (email for email in readers if email != member.email), context)
    send_letters("budget_mark_own", [member.email], context)


def page_link(budget: Budget) -> str:
    """The address of the page about the team's budgets, for mails."""
    return settings.BASE_URL + reverse("teams:credits_budgets", args=[budget.team.slug])


def notices_for(
    membership: Membership, at: datetime, dismissed: Collection[str] = ()
) -> list[Notice]:
    """What the shell says about this month's budgets to this member; at most one query.

    Of the team's budget to those who see money, of their own to each member, of the others' to
    those who manage budgets. What was dismissed stays away until the next mark.
    """
    if not may(membership, Right.SEE_MONEY):
        return []
    decides = may(membership, Right.MANAGE_BUDGETS)
    whose = Q() if decides else Q(budget__member=None) | Q(budget__member=membership.user_id)
    periods = (
        BudgetPeriod.objects.filter(
            whose,
            budget__team=membership.team_id,
            starts=month_of(membership.team, at),
            warned_at__isnull=False,
        )
        .select_related("budget__member")
        .order_by("pk")
    )
    of_team: list[Notice] = []
    own: list[Notice] = []
    others: list[Standing] = []
    keys: list[str] = []
    for period in periods:
        budget = period.budget
        standing = Standing(budget, period.starts, used=period.used, extra=period.extra)
        if not standing.is_near:
            continue
        key = f"{period.pk}-{'full' if standing.is_reached else 'near'}"
        if budget.member_id is None:
            of_team.append(_notice(standing, key, decides))
        elif budget.member_id == membership.user_id:
            own.append(_notice(standing, key, decides))
        else:
            others.append(standing)
            keys.append(key)
    notices = [*own, *of_team, *_about_others(others, keys)]
    return [notice for notice in notices if notice.key not in dismissed]


def _notice(standing: Standing, key: str, decides: bool) -> Notice:
    is_own = standing.budget.member_id is not None
    if standing.is_reached:
        text = (
            _("Your budget for %(month)s is used up: %(used)s of %(allowed)s credits.")
            if is_own
            else _(
                "The budget of the team for %(month)s is used up: %(used)s of %(allowed)s credits."
            )
        )
    else:
        text = (
            _("You have used %(used)s of your %(allowed)s credits for %(month)s.")
            if is_own
            else _("The team has used %(used)s of its %(allowed)s credits for %(month)s.")
        )
    words = {
        "month": date_format(standing.starts, "F"),
        "used": intcomma(standing.used),
        "allowed": intcomma(standing.allowed),
    }
    if decides:
        return Notice(key, text % words, "teams:credits_budgets", _("Budgets"))
    return Notice(key, text % words, "teams:credits_requests", _("Request credits"))


def _about_others(standings: list[Standing], keys: list[str]) -> list[Notice]:
    if not standings:
        return []
    # Short however many they are, and another one when somebody joins them.
    key = hashlib.sha256(".".join(keys).encode()).hexdigest()[:32]
    if len(standings) == 1:
        (standing,) = standings
        text = _("%(name)s has used %(used)s of %(allowed)s credits for %(month)s.") % {
            "name": standing.budget.member,
            "used": intcomma(standing.used),
            "allowed": intcomma(standing.allowed),
            "month": date_format(standing.starts, "F"),
        }
    else:
        text = ngettext(
            "%(n)d member is near or at the end of their budget.",
            "%(n)d members are near or at the end of their budgets.",
            len(standings),
        ) % {"n": len(standings)}
    return [Notice(key, text, "teams:credits_budgets", _("Budgets"))]
