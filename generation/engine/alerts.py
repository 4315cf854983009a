"""Tells operators that a provider takes no jobs until they act, and not too often."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from generation.engine.context import logger
from generation.engine.timing import HOUR, seconds
from generation.models import ProviderAccount
from generation.providers.errors import AccountClosed
from generation.providers.registry import LABELS
from teams.models import User

LEAST_PAUSE = 6 * HOUR
"""Seconds between two mails about one account and one code of the provider."""


def alert_operators(account: ProviderAccount, failure: AccountClosed, now: datetime) -> None:
    """Queue a mail to ADMINS and the staff, in the caller's transaction.

    The next about the same code comes after LEAST_PAUSE at the earliest, whether the account stayed
    closed meanwhile or opened and closed again.
    """
    code = failure.code[:40]
    is_due = (
        Q(alerted_at=None) | Q(alerted_at__lte=now - seconds(LEAST_PAUSE)) | ~Q(alerted_code=code)
    )
    told_now = ProviderAccount.objects.filter(is_due, pk=account.pk).update(
        alerted_at=now, alerted_code=code
    )
    if not told_now:
        return
    provider = LABELS.get(account.provider, account.provider)
    logger.error("%s takes no jobs: %s", account, failure.message)
    page = reverse("admin:generation_provideraccount_page")
    address = f"{settings.BASE_URL}{page}#account-{account.pk}"
    told = operators()
    if not told:
        return
    send_mail(
        _("%(provider)s takes no jobs") % {"provider": provider},
        _(
            "%(reason)s\n\n"
            "Jobs for %(provider)s wait; nothing is lost and no team is charged. One job at a time "
            "is tried with growing pauses, and all go on once the provider takes it.\n\n"
            "What to do about it: %(address)s"
        )
        % {"reason": failure.message, "provider": provider, "address": address},
        None,
        told,
    )


def operators() -> list[str]:
    """The addresses of those who can do something about a provider's account."""
    staff = User.objects.filter(is_staff=True, is_active=True).values_list("email", flat=True)
    admins = [entry[1] if isinstance(entry, tuple) else entry for entry in settings.ADMINS]
    return sorted({str(address) for address in (*admins, *staff) if address})
