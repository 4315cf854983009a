"""How allauth treats accounts here: who may sign up, what it says, where its links lead."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from teams.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Accounts by invitation, one message for every failed sign-in, links to BASE_URL."""

    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultAccountAdapter.error_messages,
        # The same words whether the address is unknown or the password wrong.
        "email_password_mismatch": _("The e-mail address or the password is not right."),
        "too_many_login_attempts": _("Too many tries. Wait a few minutes, then try again."),
        "enter_current_password": _("This is not your current password."),
        "email_taken": _("This address has an account. Sign in, or reset the password."),
        "rate_limited": _("Too many tries. Wait a minute, then try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Only where SIGNUP_OPEN is set; invited people get their account from the invitation."""
        return bool(settings.SIGNUP_OPEN)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Back to the profile, from where people change their password."""
        return reverse("teams:profile")

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link of the reset mail, at the installation's own address.

        Never built from the request: its Host header is the asker's choice, the mail somebody
        else's.
        """
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return f"{settings.BASE_URL}{path.replace('UID-KEY', key)}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail; "forgot password" in it leads to the installation's own address, too."""
        if "key" not in context:  # With a key, get_reset_password_from_key_url made the link.
            page = f"{settings.BASE_URL}{reverse('account_reset_password')}"
            context = {**context, "password_reset_url": page}
        super().send_mail(template_prefix, email, context)

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Tell people what happened to their account, at the address of the account.

        allauth looks in its own table of addresses, where invited people have no row.
        """
        super().send_notification_mail(template_prefix, user, context, email or user.email)
