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
    account = _sandbox_account() if settings.SANDBOX else _live_account()
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


def _live_account() -> ProviderAccount:
    account, _ = ProviderAccount.objects.get_or_create(
        provider=SELLERPIC, base_url=settings.SELLERPIC_BASE_URL
    )
    return account


def _sandbox_account() -> ProviderAccount:
    """The sandbox stays the same account when an installation moves it to another port."""
    account = ProviderAccount.objects.filter(provider=SELLERPIC, is_sandbox=True).first()
    if account is None:
        account, _ = ProviderAccount.objects.get_or_create(
            provider=SELLERPIC, base_url=settings.SANDBOX_URL, defaults={"is_sandbox": True}
        )
    elif account.base_url != settings.SANDBOX_URL:
        ProviderAccount.objects.filter(pk=account.pk).update(base_url=settings.SANDBOX_URL)
        account.base_url = settings.SANDBOX_URL
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
