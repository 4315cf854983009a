"""The e-mail backend that writes rows instead of sending."""

from django.core.mail.backends.base import BaseEmailBackend


class OutboxBackend(BaseEmailBackend):
    """Placeholder."""
