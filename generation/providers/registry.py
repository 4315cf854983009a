"""From settings to provider accounts and their clients. The one place that knows both sides."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings
from django.db import transaction

from generation.models import Pool, ProviderAccount
from generation.operations import OPERATIONS, Offer, Operation, fashn, sellerpic
from generation.providers.base import Provider
from generation.providers.keys import environment_key, key_of, live_address

SELLERPIC, FASHN = "sellerpic", "fashn"
PROVIDERS = (SELLERPIC, FASHN)
LABELS = {SELLERPIC: "SellerPic", FASHN: "FASHN"}

# A header without a value cannot be sent, and would look like an answer that was lost; this one is
# refused like any wrong key.
_NO_KEY = "no-key"
# ASSUMED: a task that is not done after this many seconds will not be seen by polling on.
_IMAGE_SECONDS, _VIDEO_SECONDS = 900, 1800


def current_account(provider: str = SELLERPIC) -> ProviderAccount:
    """The account that new jobs go to, as the settings say: the sandbox's or the live one.

    Makes the row and its pools where they are missing, and lets the settings' limits win. Raises
    LookupError for a provider that there is not.
    """
    if provider not in PROVIDERS:
        raise LookupError(f"There is no provider called {provider}.")
    account = _sandbox_account(provider) if settings.SANDBOX else _live_account(provider)
    wanted = _pools(provider)
    found = {pool.name: pool for pool in Pool.objects.filter(account=account)}
    for name, limits in wanted.items():
        pool = found.get(name)
        if pool is None:
            with transaction.atomic():
                Pool.objects.get_or_create(account=account, name=name, defaults=limits)
        elif any(getattr(pool, key) != value for key, value in limits.items()):
            Pool.objects.filter(pk=pool.pk).update(**limits)
    return account


def is_current(account: ProviderAccount) -> bool:
    """Whether new jobs go to the account, as the settings say. No query."""
    if settings.SANDBOX or account.is_sandbox:
        return bool(settings.SANDBOX) and account.is_sandbox
    return account.base_url == live_address(account.provider)


def prepare_accounts() -> list[ProviderAccount]:
    """Make the rows of all accounts that the settings name, so that keys can be written for them.

    Returns those that new jobs go to.
    """
    if settings.SANDBOX:
        for provider in PROVIDERS:
            _live_account(provider)
    return [current_account(provider) for provider in PROVIDERS]


def configured_providers() -> list[str]:
    """The providers that jobs can be sent to: by the sandbox, or with a key.

    At most one query, and none where the environment tells.
    """
    if settings.SANDBOX:
        return list(PROVIDERS)
    having = {provider for provider in PROVIDERS if environment_key(provider)}
    if len(having) < len(PROVIDERS):
        addresses = {provider: live_address(provider) for provider in PROVIDERS}
        stored = ProviderAccount.objects.filter(is_sandbox=False).exclude(encrypted_key="")
        having |= {
            account.provider
            for account in stored.filter(base_url__in=addresses.values())
            if account.base_url == addresses.get(account.provider) and key_of(account)
        }
    return [provider for provider in PROVIDERS if provider in having]


def is_offered(offer: Offer, configured: Collection[str] | None = None) -> bool:
    """Whether teams may launch it now: its provider has a key, and it is confirmed or allowed.

    `configured` is the answer of `configured_providers`, for who asks about many offers.
    """
    if not (offer.is_confirmed or settings.UNCONFIRMED_OPERATIONS):
        return False
    return offer.provider in (configured_providers() if configured is None else configured)


def offers_of(operation: Operation, configured: Collection[str] | None = None) -> list[Offer]:
    """The offers of an operation that can be launched now, the usual one first."""
    if configured is None:
        configured = configured_providers()
    return [offer for offer in operation.offers if is_offered(offer, configured)]


def offer_of(operation: str, name: str) -> Offer | None:
    """The row of the table that a job was launched by; None for one that is gone."""
    row = OPERATIONS.get(operation)
    return row.offer(name) if row else None


def takes_uploads(account: ProviderAccount) -> bool:
    """Whether pictures are uploaded to the account first; else they travel with the order."""
    return account.provider == SELLERPIC


def has_webhooks(account: ProviderAccount) -> bool:
    """Whether an order to the account may carry an address that is called when the task has ended."""
    return account.provider == FASHN


def client_for(account: ProviderAccount, *, key: str = "") -> Provider:
    """A client that speaks for the account. Close it in the event loop that used it.

    `key` is one to try out; otherwise the account's own is taken.
    """
    from generation.providers.fashn import Fashn
    from generation.providers.sellerpic import SellerPic
    from generation.providers.sellerpic_answers import meanings_of

    key = key or key_of(account) or _NO_KEY
    if account.provider == FASHN:
        return Fashn(
            account.base_url,
            api_key=key,
            file_hosts=settings.FASHN_FILE_HOSTS,
            is_sandbox=account.is_sandbox,
        )
    return SellerPic(
        account.base_url,
        api_key=key,
        file_hosts=settings.SELLERPIC_FILE_HOSTS,
        is_sandbox=account.is_sandbox,
        upload_version=settings.SELLERPIC_UPLOAD_VERSION,
        requests_per_second=0 if account.is_sandbox else settings.SELLERPIC_REQUESTS_PER_SECOND,
        code_meanings=meanings_of(settings.SELLERPIC_CODES)[0],
    )


def _pools(provider: str) -> dict[str, dict[str, float]]:
    """The pools of a provider by name, with their limits."""
    if provider == FASHN:
        floor = {"min_poll_seconds": settings.FASHN_MIN_POLL_SECONDS}
        return {
            fashn.POOL: {
                **floor,
                "slots": settings.FASHN_SLOTS,
                "max_task_seconds": _VIDEO_SECONDS,
            }
        }
    floor = {"min_poll_seconds": settings.SELLERPIC_MIN_POLL_SECONDS}
    slots = {
        sellerpic.GENERAL: settings.SELLERPIC_SLOTS,
        sellerpic.VIDEO: settings.SELLERPIC_VIDEO_SLOTS,
        sellerpic.EDIT: settings.SELLERPIC_EDIT_SLOTS,
        sellerpic.SEGMENT_PROMPT: settings.SELLERPIC_SEGMENT_SLOTS,
        sellerpic.SEGMENT_TYPE: settings.SELLERPIC_SEGMENT_SLOTS,
    }
    return {
        name: {
            **floor,
            "slots": count,
            "max_task_seconds": _VIDEO_SECONDS if name == sellerpic.VIDEO else _IMAGE_SECONDS,
        }
        for name, count in slots.items()
    }


def _live_account(provider: str) -> ProviderAccount:
    account, _ = ProviderAccount.objects.get_or_create(
        provider=provider, base_url=live_address(provider)
    )
    return account


def _sandbox_account(provider: str) -> ProviderAccount:
    """The sandbox stays the same account when an installation moves it to another port."""
    account = ProviderAccount.objects.filter(provider=provider, is_sandbox=True).first()
    if account is None:
        account, _ = ProviderAccount.objects.get_or_create(
            provider=provider, base_url=settings.SANDBOX_URL, defaults={"is_sandbox": True}
        )
    elif account.base_url != settings.SANDBOX_URL:
        ProviderAccount.objects.filter(pk=account.pk).update(base_url=settings.SANDBOX_URL)
        account.base_url = settings.SANDBOX_URL
    return account
