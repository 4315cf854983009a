"""allauth's page for a new password, which also proves the address that got the link."""

from __future__ import annotations

from typing import Any

from allauth.account.views import PasswordResetFromKeyView
from django.http.response import HttpResponseBase

from teams.second_factor import reset
from teams.services import prove_email


class ProvingPasswordResetView(PasswordResetFromKeyView):  # type: ignore[misc]  # has no types
    """Who sets a password by a mailed link has the mailbox; whoever signed in before is out."""

    def form_valid(self, form: Any) -> HttpResponseBase:
        """Set the password, and note the proof."""
        response: HttpResponseBase = super().form_valid(form)
        if not self.reset_user.email_proved and not self.reset_user.is_staff:
            # Whoever opened the account under this address may have locked it with their phone. Not
            # so with operators: another one made them so, and a mailbox must not open the admin.
            reset(user=self.reset_user, actor=self.reset_user, reason="address proved")
        prove_email(self.reset_user)
        return response
