"""Provider keys: the environment's first, then the one an operator wrote, encrypted in its row.

The environment's key belongs to the address that the settings name now. Jobs may still run at an
address that they named before: there it is never sent, only a key that was stored for that account.

Encrypted by Fernet (AES-128-CBC with HMAC-SHA256, `cryptography`); the first secret of
PROVIDER_KEY_SECRETS encrypts, all of them decrypt, so that secrets can be rotated.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from generation.models import ProviderAccount
from generation.providers.errors import WRONG_ADDRESS, AccountClosed, OutOfCredits, ProviderError

logger = logging.getLogger(__name__)

SANDBOX_KEYS = {"sellerpic": "sandbox", "fashn": "fa-sandbox"}
SETTINGS = {"sellerpic": "SELLERPIC_API_KEY", "fashn": "FASHN_API_KEY"}
"""The variable that holds a provider's key."""
MOST_LETTERS = 400

#: Stored texts that the log has told of: keys are asked for with every request.
_told: set[str] = set()


class KeyFrom(StrEnum):
    """Where the key of an account comes from."""

    SANDBOX = "sandbox"
    ENVIRONMENT = "environment"
    ROW = "row"
    UNREADABLE = "unreadable"
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Rotation:
    """What became of the stored keys: re-encrypted ones, and accounts whose key cannot be read."""

    renewed: int
    unreadable: tuple[str, ...]


def key_of(account: ProviderAccount) -> str:
    """The key to speak for an account with; "" where there is none, or it cannot be read."""
    if account.is_sandbox:
        return SANDBOX_KEYS[account.provider]
    if key := environment_key_for(account):
        return key
    key = _stored_key(account)
    if account.encrypted_key and not key and account.encrypted_key not in _told:
        _told.add(account.encrypted_key)
        logger.warning("The stored key of %s cannot be read with PROVIDER_KEY_SECRETS.", account)
    return key


def environment_key(provider: str) -> str:
    """The key that the environment gives; "" where it gives none, or what can be no key.

    Never sent as it stands there: a line break in a header would look like an answer that was lost.
    """
    try:
        return well_formed(str(getattr(settings, SETTINGS[provider]) or ""))
    except ValueError:
        return ""


def environment_key_for(account: ProviderAccount) -> str:
    """The environment's key, where it may speak for this account: at the address of the settings.

    "" for the sandbox, and for a host that the settings do not name any more (whoever runs it now).
    """
    if account.is_sandbox or account.base_url != live_address(account.provider):
        return ""
    return environment_key(account.provider)


def live_address(provider: str) -> str:
    """Where the settings say that the provider itself is."""
    return str(settings.FASHN_BASE_URL if provider == "fashn" else settings.SELLERPIC_BASE_URL)


def source_of(account: ProviderAccount) -> KeyFrom:
    """Where `key_of` has its answer from."""
    if account.is_sandbox:
        return KeyFrom.SANDBOX
    if environment_key_for(account):
        return KeyFrom.ENVIRONMENT
    if not account.encrypted_key:
        return KeyFrom.NOWHERE
    return KeyFrom.ROW if _stored_key(account) else KeyFrom.UNREADABLE


def can_store() -> bool:
    """Whether there is a secret to encrypt keys with."""
    return any(settings.PROVIDER_KEY_SECRETS)


def is_readable(token: str) -> bool:
    """Whether a stored key can be decrypted with the secrets at hand."""
    return bool(_decrypted(token))


def encrypt(key: str) -> str:
    """A key as it is stored. Raises ValueError where no secret is set to encrypt it with."""
    return _box().encrypt(key.encode()).decode()


def well_formed(text: str) -> str:
    """The key without the blanks that copying adds. Raises ValueError for what can be no key."""
    key = text.strip()
    # It travels in a header: letters, digits and signs of ASCII alone.
    if not key or len(key) > MOST_LETTERS or not key.isascii() or not key.isprintable():
        raise ValueError("not a key")
    if " " in key:
        raise ValueError("not a key")
    return key


def rotate_keys() -> Rotation:
    """Encrypt every stored key with the first secret. Raises ValueError where there is none.

    A key that is replaced at the same moment is left as it was written.
    """
    box = _box()
    renewed = 0
    unreadable = []
    for account in ProviderAccount.objects.exclude(encrypted_key="").order_by("pk"):
        token = account.encrypted_key
        try:
            fresh = box.rotate(token.encode()).decode()
        except InvalidToken:
            unreadable.append(str(account))
            continue
        rows = ProviderAccount.objects.filter(pk=account.pk, encrypted_key=token)
        renewed += rows.update(encrypted_key=fresh)
    return Rotation(renewed, tuple(unreadable))


def note_key(account_id: int, failure: ProviderError | None, at: datetime) -> None:
    """Keep in mind whether the provider took the account's key: from when on it refuses it.

    `failure` is what the call ended with, None for a good answer. What says nothing about the key
    (no connection, a wrong address) changes nothing.
    """
    rows = ProviderAccount.objects.filter(pk=account_id)
    if failure is None or isinstance(failure, OutOfCredits):
        rows.filter(key_refused_at__isnull=False).update(key_refused_at=None)
    elif isinstance(failure, AccountClosed) and not _is_about_address(failure):
        rows.filter(key_refused_at=None).update(key_refused_at=at)


def _is_about_address(failure: ProviderError) -> bool:
    return failure.code == WRONG_ADDRESS or failure.code.startswith("http_3")


def _stored_key(account: ProviderAccount) -> str:
    return _decrypted(account.encrypted_key) if account.encrypted_key else ""


def _decrypted(token: str) -> str:
    try:
        return _box().decrypt(token.encode()).decode()
    except (InvalidToken, ValueError):
        return ""


def _box() -> MultiFernet:
    secrets = [secret for secret in settings.PROVIDER_KEY_SECRETS if secret]
    if not secrets:
        raise ValueError("PROVIDER_KEY_SECRETS is empty.")
    return MultiFernet([Fernet(_fernet_key(secret)) for secret in secrets])


def _fernet_key(secret: str) -> bytes:
    # Secrets are long random text of the operator's; Fernet wants 32 bytes in base64.
    return base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest())
