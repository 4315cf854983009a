"""`manage.py reconcile`: make up the days of the operator's accounts with providers, and say them."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from generation.models import BalanceReading, ProviderAccount, Reconciliation
from generation.reconciliation import NotOver, make_due_reports, make_report


class Command(BaseCommand):
    """One line for each account and day. A report that is there already is shown as it was made."""

    help = "Compare what providers took with what our jobs should have cost, day by day (UTC)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One day, or all that are due."""
        parser.add_argument(
            "--day", type=_day, help="A day that is over (YYYY-MM-DD); else all due."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the reports and print them."""
        at, day = now(), options["day"]
        if day is None:
            reports = make_due_reports(at)
        else:
            accounts = ProviderAccount.objects.order_by("pk")
            try:
                made = [make_report(account, day, at) for account in accounts]
            except NotOver as exc:
                raise CommandError(str(exc)) from exc
            reports = [report for report in made if report is not None]
        for report in reports:
            self.stdout.write(_line(report))
        if not reports:
            self.stdout.write("No day is due." if day is None else _why_none(day))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is no day. Give one that is over, as year-month-day: 2026-11-20."
        ) from None


def _why_none(day: date) -> str:
    first = BalanceReading.objects.order_by("at").first()
    if first is None:
        return (
            "No balance was read yet. The workers read it by themselves once a provider has a key; "
            "see Providers in the admin."
        )
    began = first.at.astimezone(UTC).date()
    return f"No balance was read by {day}. The first was read on {began}: give that day or a later one."


def _line(report: Reconciliation) -> str:
    if report.reported is None:
        return f"{report.day} {report.account}: not read; the next day that was covers it"
    return (
        f"{report.day} {report.account}: expected {report.expected}, reported {report.reported}, "
        f"topped up {report.topped_up}, difference {report.difference:+d}, "
        f"suspected {report.suspected}, unexplained {report.unexplained:+d}"
    )
