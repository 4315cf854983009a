"""`manage.py rotate_provider_keys`: encrypt the stored provider keys with the first secret.

Put a new secret in front of PROVIDER_KEY_SECRETS, start every process again, run this, and take the
old secret away. Exit code 1 when a key cannot be read by any secret; it is left as it is.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation.providers.keys import rotate_keys


class Command(BaseCommand):
    """See the module docstring."""

    help = "Encrypt the stored provider keys with the first secret of PROVIDER_KEY_SECRETS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate, and say how many keys and which cannot be read."""
        try:
            done = rotate_keys()
        except ValueError as exc:
            raise CommandError(f"{exc} There is nothing to encrypt the keys with.") from None
        self.stdout.write(f"Stored keys encrypted with the first secret: {done.renewed}.")
        if done.unreadable:
            raise CommandError(
                "No secret of PROVIDER_KEY_SECRETS opens the key of "
                f"{', '.join(done.unreadable)}; write it again on the providers' page."
            )
