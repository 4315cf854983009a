"""What tests need of the second step: an app that makes codes, and sessions that gave one."""

from __future__ import annotations

import time

from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY,
    AUTHENTICATION_METHODS_SESSION_KEY,
)
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth
from django.test import Client

from teams.models import User


def code_for(secret: str, *, later: int = 0) -> str:
    """What an app with this secret shows now, or `later` half minutes from now."""
    counter = int(time.time()) // 30 + later
    return str(auth.format_hotp_value(auth.hotp_value(secret, counter)))


def set_up(user: User) -> str:
    """Give the person an app and recovery codes; returns the app's secret."""
    secret = str(auth.generate_totp_secret())
    auth.TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def sign_in_with_code(client: Client, user: User) -> None:
    """Sign somebody in as if they had given a code after the password."""
    client.force_login(user)
    app = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"method": "mfa", "at": time.time(), "id": app.pk, "reauthenticated": True}
    ]
    session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session.save()
