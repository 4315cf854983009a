"""The second step of signing in: who needs one, whether this session took it, and how it is reset.

Codes and recovery codes are allauth's (`allauth.mfa`). Here stands what the product adds: secrets
are encrypted in the database, a code counts once, and operators and owners are led to set it up.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa import signals
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from teams.audit import record
from teams.models import User

#: Longer than a code is taken: half a minute of its own and half a minute to both sides.
CODE_SECONDS = 120


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Names, words and encryption of the second step."""

    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is not right, or was used already. Try the next one."),
    }

    def get_totp_issuer(self) -> str:
        """What the app on the phone calls this installation."""
        return f"Diptych ({urlsplit(settings.BASE_URL).netloc})"

    def encrypt(self, text: str) -> str:
        """Make a secret unreadable for whoever has the database alone."""
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Read a secret. One of a lost SECRET_KEY fits no code: an operator resets it."""
        try:
            return _box().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return ""


class CodeForm(AuthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code after the password; each counts once."""

    def clean_code(self) -> str:
        """Refuse a code that was used, for as long as it would be taken."""
        return _once(self.user, super().clean_code())


class ConfirmForm(ReauthenticateForm):  # type: ignore[misc]  # allauth has no types
    """The code of somebody who is signed in already; each counts once."""

    def clean_code(self) -> str:
        """Refuse a code that was used, for as long as it would be taken."""
        return _once(self.user, super().clean_code())


def is_set_up(user: User | AnonymousUser) -> bool:
    """Whether the person has an app that makes codes."""
    return (
        isinstance(user, User)
        and Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()
    )


def missing_step(request: HttpRequest, goal: str = "") -> str:
    """Where a person who needs the second step has to go first; "" for those who took it.

    Without an app: to set one up. With one, but signed in before it was set up: to give a code.
    Either page leads on to `goal`, else to the address of this request.
    """
    own = Authenticator.objects.filter(user_id=request.user.pk)
    present = dict(own.values_list("pk", "type"))
    if Authenticator.Type.TOTP not in present.values():
        page = "mfa_activate_totp"
    elif any(
        # A code of an app that was taken away since is no code.
        taken.get("method") == "mfa" and taken.get("id") in present
        for taken in get_authentication_records(request, request.user)
    ):
        return ""
    else:
        page = "mfa_reauthenticate"
    return f"{reverse(page)}?{urlencode({'next': goal or request.get_full_path()})}"


def staff_missing_step(request: HttpRequest, goal: str = "") -> str:
    """The same for an operator on the way into the admin; "" where STAFF_NEED_2FA is off."""
    return missing_step(request, goal) if settings.STAFF_NEED_2FA else ""


@transaction.atomic
def reset(*, user: User, actor: User | str, reason: str) -> bool:
    """Take a person's second step away, recovery codes too, so that the password suffices again.

    For somebody who lost the phone and the codes. False where there was none; nothing is recorded
    then.
    """
    removed, _by_model = Authenticator.objects.filter(user=user).delete()
    if removed:
        record(
            team=None,
            actor=actor,
            action="second_factor.reset",
            subject=user.email,
            reason=reason,
        )
    return bool(removed)


@receiver(signals.authenticator_added)
@receiver(signals.authenticator_removed)
@receiver(signals.authenticator_reset)
def note_change(sender: Any, signal: Any, user: User, authenticator: Any, **kwargs: Any) -> None:
    """Keep in the audit trail what people change about their own second step."""
    verb = {
        signals.authenticator_added: "added",
        signals.authenticator_removed: "removed",
        signals.authenticator_reset: "renewed",
    }[signal]
    record(
        team=None,
        actor=user,
        action=f"second_factor.{verb}",
        subject=user.email,
        kind=str(authenticator.type),
    )


def _once(user: User, code: str) -> str:
    # allauth remembers a used code for half a minute; with the tolerance it is taken for longer.
    digest = hashlib.sha256(code.strip().encode()).hexdigest()[:32]
    if not cache.add(f"second-factor:{user.pk}:{digest}", 1, timeout=CODE_SECONDS):
        raise SecondFactorAdapter(context.request).validation_error("incorrect_code")
    return code


def _box() -> MultiFernet:
    """Encrypts with SECRET_KEY, reads what its predecessors encrypted as well."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_fernet_key(secret)) for secret in secrets])


def _fernet_key(secret: str) -> bytes:
    # A key of its own: nothing else that SECRET_KEY signs can be mistaken for it.
    digest = hashlib.sha256(b"diptych second factor\0" + secret.encode()).digest()
    return base64.urlsafe_b64encode(digest)
