"""From settings to provider accounts and their clients. The one place that knows both sides."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from generation.models import Pool, ProviderAccount
from generation.providers.base import Provider

SELLERPIC = "sellerpic"

# ASSUMED: an image task that is not done after 15 minutes will not be seen by polling on.
_MAX_TASK_SECONDS = 900


def current_account(provider: str = SELLERPIC) -> ProviderAccount:
    """The account that new jobs go to, as the settings say: the sandbox's or the live one.

    Makes the row and its pools where they are missing, and lets the settings' limits win.
    """
    if provider != SELLERPIC:
        raise LookupError(f"There is no provider called {provider}.")
    sandbox = bool(settings.SANDBOX)
    account, _ = ProviderAccount.objects.get_or_create(
        provider=provider,
        base_url=settings.SANDBOX_URL if sandbox else settings.SELLERPIC_BASE_URL,
        defaults={"is_sandbox": sandbox},
    )
    limits = {
        "slots": settings.SELLERPIC_SLOTS,
        "min_poll_seconds": settings.SELLERPIC_MIN_POLL_SECONDS,
    }
    pool = Pool.objects.filter(account=account, name="general").first()
    if pool is None:
        with transaction.atomic():
            Pool.objects.get_or_create(
                account=account,
                name="general",
                defaults={**limits, "max_task_seconds": _MAX_TASK_SECONDS},
            )
    elif any(getattr(pool, name) != value for name, value in limits.items()):
        Pool.objects.filter(pk=pool.pk).update(**limits)
    return account


def client_for(account: ProviderAccount) -> Provider:
    """A client that speaks for the account. Close it in the event loop that used it."""
    from generation.providers.sellerpic import SellerPic

    return SellerPic(
        account.base_url,
        api_key="sandbox" if account.is_sandbox else settings.SELLERPIC_API_KEY,
        file_hosts=settings.SELLERPIC_FILE_HOSTS,
        is_sandbox=account.is_sandbox,
    )
