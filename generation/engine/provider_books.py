"""Keeps the operator's books with providers: reports, thinned readings, and two mails.

One mail where a day has more unexplained credits than the operator allows, once for each report.
One where a balance lasts for too few days, once until it rises again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from generation.balances import PACES, Outlook, outlook_of, readings_since, steps_of, thin_readings
from generation.engine.alerts import operators
from generation.engine.context import logger
from generation.models import BalanceReading, ProviderAccount, Reconciliation
from generation.providers.registry import LABELS, is_current
from generation.reconciliation import make_due_reports

#: A report is told of within so many days after it was made; an alarm that is lowered later does
#: not bring up old ones.
_TOLD_WITHIN = timedelta(days=2)
_LOOK_BACK = timedelta(days=max(PACES))


def keep_provider_books(at: datetime) -> None:
    """Make up the days that are due, tell what is wrong, and drop readings of old."""
    make_due_reports(at)
    tell_drifts(at)
    watch_balances(at)
    thin_readings(at)


def tell_drifts(at: datetime) -> int:
    """Mail operators of days with too many unexplained credits. How many reports were told of."""
    alarming = Reconciliation.objects.filter(
        alerted_at=None,
        made_at__gt=at - _TOLD_WITHIN,
        unexplained__gt=settings.RECONCILIATION_ALARM_CREDITS,
    )
    told = 0
    for report in alarming.select_related("account").order_by("day", "account"):
        with transaction.atomic():
            if alarming.filter(pk=report.pk).update(alerted_at=at):
                _tell_drift(report)
                told += 1
    return told


def watch_balances(at: datetime) -> None:
    """Mail operators of balances that run low, once until they rise again."""
    accounts = [account for account in ProviderAccount.objects.all() if is_current(account)]
    readings = readings_since(accounts, at - _LOOK_BACK)
    for account in accounts:
        outlook = outlook_of(account, steps_of(readings[account.pk]))
        if outlook is None:
            continue
        rows = ProviderAccount.objects.filter(pk=account.pk)
        if outlook.is_low(settings.BALANCE_LOW_DAYS):
            with transaction.atomic():
                if rows.filter(balance_low_at=None).update(balance_low_at=at):
                    _tell_low(account, outlook)
        elif account.balance_low_at is not None and _rose(account, outlook.remaining):
            rows.filter(balance_low_at=account.balance_low_at).update(balance_low_at=None)


def _rose(account: ProviderAccount, remaining: int) -> bool:
    """Whether more is left than when operators were told. A slower pace alone is no news."""
    told_at = BalanceReading.objects.filter(account=account, at__lte=account.balance_low_at)
    then = told_at.order_by("-at", "-pk").values_list("remaining", flat=True).first()
    return then is None or remaining > then


def _tell_drift(report: Reconciliation) -> None:
    provider = _name(report.account)
    day = date_format(report.day, "DATE_FORMAT")
    unexplained = report.unexplained or 0
    logger.error("%s: %s credits of %s are unexplained.", report.account, unexplained, report.day)
    address = reverse("admin:generation_reconciliation_change", args=[report.pk])
    _mail(
        ngettext(
            "%(provider)s: %(n)d credit of %(day)s is unexplained",
            "%(provider)s: %(n)d credits of %(day)s are unexplained",
            unexplained,
        )
        % {"provider": provider, "n": unexplained, "day": day},
        _(
            "The balance at %(provider)s (%(address)s) went down by %(reported)d credits on "
            "%(day)s (UTC). Our jobs should have cost %(expected)d, and %(suspected)d more may have "
            "been charged for jobs without a result. %(unexplained)d remain: somebody else uses "
            "the key, or the prices have changed.\n\n"
            "No team is charged for it. The day's report: %(report)s"
        )
        % {
            "provider": provider,
            "address": report.account.base_url,
            "reported": report.reported,
            "day": day,
            "expected": report.expected,
            "suspected": report.suspected,
            "unexplained": unexplained,
            "report": f"{settings.BASE_URL}{address}",
        },
    )


def _tell_low(account: ProviderAccount, outlook: Outlook) -> None:
    provider = _name(account)
    logger.warning("The balance at %s runs low: %s.", account, outlook.remaining)
    page = reverse("admin:generation_provideraccount_page")
    days = outlook.days or 0
    subject = ngettext(
        "The balance at %(provider)s lasts for %(n)d more day",
        "The balance at %(provider)s lasts for %(n)d more days",
        days,
    )
    if outlook.remaining <= 0:
        subject = _("The balance at %(provider)s is empty")
    elif not days:
        subject = _("The balance at %(provider)s lasts for less than a day")
    pace = ""
    if outlook.pace is not None:
        pace = _("At the pace of the last %(days)d days, %(daily).1f credits a day.") % {
            "days": round(outlook.pace.covered),
            "daily": outlook.pace.daily,
        }
    left = ngettext("%(n)d credit is left.", "%(n)d credits are left.", outlook.remaining)
    _mail(
        subject % {"provider": provider, "n": days},
        f"{left % {'n': outlook.remaining}} {pace}".strip()
        + "\n\n"
        + _(
            "When it is used up, jobs wait until it is filled up; no team is charged for them "
            "meanwhile. How it stands: %(address)s"
        )
        % {"address": f"{settings.BASE_URL}{page}#account-{account.pk}"},
    )


def _name(account: ProviderAccount) -> str:
    return LABELS.get(account.provider, account.provider)


def _mail(subject: str, body: str) -> None:
    told = operators()
    if told:
        send_mail(subject, body, None, told)
