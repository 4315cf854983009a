"""manage.py reset_second_factor: let somebody in again who lost the phone and the recovery codes."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from teams.models import User
from teams.second_factor import reset

ACTOR = "manage.py reset_second_factor"


class Command(BaseCommand):
    """Takes a person's second step away; the password suffices until they set up another."""

    help = "Takes a person's second step of signing in away. Make sure that it is them who asks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("email", help="E-mail address of the person.")
        parser.add_argument("--reason", default="", help="Kept in the audit trail.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reset it, or say why there is nothing to reset."""
        email = options["email"].strip().lower()
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            raise CommandError(f"Nobody has the address {email}.")
        if not reset(user=user, actor=ACTOR, reason=options["reason"]):
            raise CommandError(f"{user.email} has no second step.")
        self.stdout.write(f"{user.email} signs in by password alone now.")
