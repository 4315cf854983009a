"""The nightly check of the ledger: kept as a row, and told to the operators where it fails."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from generation.engine.alerts import operators
from generation.engine.context import logger
from teams.ledger_check import check_now
from teams.models import LedgerCheck

_MOST_TOLD = 20


def check_due_books(now: datetime) -> LedgerCheck | None:
    """Check the ledger unless that was done since the hour of the day at which it is due."""
    due_at = now.replace(hour=settings.LEDGER_CHECK_HOUR, minute=0, second=0, microsecond=0)
    if due_at > now:
        due_at -= timedelta(days=1)
    if LedgerCheck.objects.filter(at__gte=due_at).exists():
        return None
    check = check_now()
    if check.differences:
        logger.error("The ledger does not add up.", extra={"differences": len(check.differences)})
        _tell(check)
    return check


def _tell(check: LedgerCheck) -> None:
    told = operators()
    if not told:
        return
    count = len(check.differences)
    send_mail(
        ngettext(
            "The ledger does not add up: %(count)d difference",
            "The ledger does not add up: %(count)d differences",
            count,
        )
        % {"count": count},
        _(
            "The nightly check found:\n\n%(differences)s\n\n"
            "`manage.py check_ledger` names all of them, and says when they are gone. The credits "
            "of a team that is named here should not be relied on until then."
        )
        % {"differences": "\n".join(check.differences[:_MOST_TOLD])},
        None,
        told,
    )
