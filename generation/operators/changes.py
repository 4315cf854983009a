"""What an operator does with a provider account: write its key, ask for its balance, pause it.

Every change leaves an entry in the audit trail. A key itself is written nowhere but into its row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from generation.balances import keep_reading, note_balance
from generation.models import ProviderAccount
from generation.providers.base import Balance
from generation.providers.errors import AccountClosed, OutOfCredits, ProviderError, Unreachable
from generation.providers.keys import (
    can_store,
    encrypt,
    environment_key_for,
    key_of,
    note_key,
    well_formed,
)
from generation.providers.registry import client_for
from generation.tasks import send_wake_hint
from teams.audit import record
from teams.models import User

TRY_SECONDS = 8.0
"""How long the page waits for the provider's word about a key or a balance."""


class Verdict(StrEnum):
    """What the provider says to a key."""

    WORKS = "works"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Trial:
    """How a key fared. `reason` says why it does not work, `balance` is what the provider told."""

    verdict: Verdict
    reason: str = ""
    balance: Balance | None = None


class KeyNotSaved(Exception):
    """The key was not stored and the one from before stays; the message says why."""


class BalanceNotRead(Exception):
    """The provider told no balance and the one from before stays; the message says why."""


@sensitive_variables()
def save_key(
    account: ProviderAccount,
    text: str,
    *,
    by: User,
    replace: bool = False,
    even_if_refused: bool = False,
) -> Trial:
    """Try a key at the provider and store it, encrypted; the engine takes it up within seconds.

    A stored key is written over only to `replace` it. One that the provider refuses is stored only
    `even_if_refused`; one that it says nothing about is stored. Waits for the provider up to
    `TRY_SECONDS`. Raises KeyNotSaved.
    """
    if account.encrypted_key and not replace:
        raise KeyNotSaved(_unconfirmed())
    key = _storable(account, text)
    trial = try_key(account, key)
    if trial.verdict is Verdict.REFUSED and not even_if_refused:
        raise KeyNotSaved(_("%(reason)s Nothing was saved.") % {"reason": trial.reason})
    at = now()
    changes: dict[str, object] = {
        "encrypted_key": encrypt(key),
        "key_set_at": at,
        "key_refused_at": at if trial.verdict is Verdict.REFUSED else None,
    }
    if trial.balance is not None:
        changes.update(
            balance_remaining=trial.balance.remaining,
            balance_total=trial.balance.total,
            balance_at=at,
        )
    if trial.verdict is not Verdict.REFUSED:
        # The next job tries at once; the streak stays, so that it tries alone.
        changes["closed_until"] = None
    rows = ProviderAccount.objects.filter(pk=account.pk)
    with transaction.atomic():
        # Another operator may have stored one while this one was tried.
        if not (rows if replace else rows.filter(encrypted_key="")).update(**changes):
            raise KeyNotSaved(_unconfirmed())
        if trial.balance is not None:
            keep_reading(account.pk, trial.balance, at)
        _note(account, by, "provider.key_stored", trial=trial.verdict.value)
    return trial


def remove_key(account: ProviderAccount, *, by: User) -> bool:
    """Forget the stored key. False: there was none."""
    with transaction.atomic():
        removed = (
            ProviderAccount.objects.filter(pk=account.pk)
            .exclude(encrypted_key="")
            .update(encrypted_key="", key_set_at=None, key_refused_at=None)
        )
        if removed:
            _note(account, by, "provider.key_removed")
    return bool(removed)


def pause(account: ProviderAccount, *, by: User) -> bool:
    """Send nothing more to the account; what is there already is still collected."""
    return _set_paused(account, True, by, "provider.paused")


def resume(account: ProviderAccount, *, by: User) -> bool:
    """Send to the account again. False: it was not paused."""
    return _set_paused(account, False, by, "provider.resumed")


def try_now(account: ProviderAccount, *, by: User) -> bool:
    """Let the next job try a closed account at once. False: it was not closed."""
    with transaction.atomic():
        moved = (
            ProviderAccount.objects.filter(pk=account.pk)
            .exclude(closed_until=None)
            .update(closed_until=None)
        )
        if moved:
            _note(account, by, "provider.tried_again")
    return bool(moved)


@sensitive_variables()
def read_balance(account: ProviderAccount) -> Balance:
    """Ask the provider for the balance now and keep it with the time. Raises BalanceNotRead.

    What the answer says about the key is kept as well. Waits up to `TRY_SECONDS`.
    """
    key = key_of(account)
    if not key:
        raise BalanceNotRead(_("There is no key to ask with."))
    try:
        balance = _ask(account, key)
    except ProviderError as exc:
        note_key(account.pk, exc, now())
        raise BalanceNotRead(exc.message) from exc
    at = now()
    note_balance(account.pk, balance, at)
    note_key(account.pk, None, at)
    return balance


@sensitive_variables()
def try_key(account: ProviderAccount, key: str) -> Trial:
    """Ask for the balance with a key. No transaction may be open: the provider may be slow."""
    try:
        balance = _ask(account, key)
    except OutOfCredits as exc:
        return Trial(Verdict.WORKS, exc.message)
    except AccountClosed as exc:
        return Trial(Verdict.REFUSED, exc.message)
    except ProviderError as exc:
        return Trial(Verdict.UNANSWERED, exc.message)
    return Trial(Verdict.WORKS, balance=balance)


@sensitive_variables()
def _ask(account: ProviderAccount, key: str) -> Balance:
    try:
        return asyncio.run(_balance_with(account, key))
    except TimeoutError as exc:
        reason = _("The provider said nothing within %(seconds)d seconds.")
        raise Unreachable(reason % {"seconds": TRY_SECONDS}) from exc


@sensitive_variables()
async def _balance_with(account: ProviderAccount, key: str) -> Balance:
    client = client_for(account, key=key)
    try:
        async with asyncio.timeout(TRY_SECONDS):
            return await client.balance()
    finally:
        await client.aclose()


def _storable(account: ProviderAccount, text: str) -> str:
    if account.is_sandbox:
        raise KeyNotSaved(_("The sandbox has a key of its own."))
    if environment_key_for(account):
        raise KeyNotSaved(_("The environment gives a key, and it wins. Nothing was saved."))
    if not can_store():
        raise KeyNotSaved(_("PROVIDER_KEY_SECRETS is empty, so that no key can be stored."))
    try:
        return well_formed(text)
    except ValueError:
        raise KeyNotSaved(
            _("That is no key: paste it whole, without blanks. Nothing was saved.")
        ) from None


def _unconfirmed() -> str:
    return _(
        "There is a stored key already. Tick “Replace the stored key” to write over it. "
        "Nothing was saved."
    )


def _set_paused(account: ProviderAccount, to: bool, by: User, action: str) -> bool:
    with transaction.atomic():
        moved = ProviderAccount.objects.filter(pk=account.pk, is_paused=not to).update(is_paused=to)
        if moved:
            _note(account, by, action)
    return bool(moved)


def _note(account: ProviderAccount, by: User, action: str, **data: str) -> None:
    record(team=None, actor=by, action=action, subject=str(account), **data)
    hint: Callable[[], None] = send_wake_hint
    transaction.on_commit(hint, robust=True)
