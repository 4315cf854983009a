"""Provider keys: the environment's first, then the one an operator wrote, encrypted in its row.

Encrypted by Fernet (AES-128-CBC with HMAC-SHA256, `cryptography`); the first secret of
PROVIDER_KEY_SECRETS encrypts, all of them decrypt, so that secrets can be rotated.
"""

from __future__ import annotations

import base64
import hashlib
import logging

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from generation.models import ProviderAccount

logger = logging.getLogger(__name__)

SANDBOX_KEYS = {"sellerpic": "sandbox", "fashn": "fa-sandbox"}


def key_of(account: ProviderAccount) -> str:
    """The key to speak for an account with; "" where there is none, or it cannot be read."""
    if account.is_sandbox:
        return SANDBOX_KEYS[account.provider]
    return environment_key(account.provider) or _stored_key(account)


def environment_key(provider: str) -> str:
    """The key that the environment gives."""
    return str(settings.FASHN_API_KEY if provider == "fashn" else settings.SELLERPIC_API_KEY)


def encrypt(key: str) -> str:
    """A key as it is stored. Raises ValueError where no secret is set to encrypt it with."""
    return _box().encrypt(key.encode()).decode()


def _stored_key(account: ProviderAccount) -> str:
    if not account.encrypted_key:
        return ""
    try:
        return _box().decrypt(account.encrypted_key.encode()).decode()
    except (InvalidToken, ValueError):
        logger.warning("The stored key of %s cannot be read with PROVIDER_KEY_SECRETS.", account)
        return ""


def _box() -> MultiFernet:
    secrets = settings.PROVIDER_KEY_SECRETS
    if not secrets:
        raise ValueError("PROVIDER_KEY_SECRETS is empty.")
    return MultiFernet([Fernet(_fernet_key(secret)) for secret in secrets])


def _fernet_key(secret: str) -> bytes:
    # Secrets are long random text of the operator's; Fernet wants 32 bytes in base64.
    return base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest())
