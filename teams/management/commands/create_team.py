"""manage.py create_team: found a team for somebody, with or without an account."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from teams.credits import grant
from teams.services import TeamRefused, create_team_for, set_password_link

ACTOR = "manage.py create_team"


class Command(BaseCommand):
    """Prints the team's address, and how its owner gets in."""

    help = (
        "Founds a team. An unknown owner gets an account; the link to set a password is printed. "
        "An account that never proved its address gets an invitation by mail."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--name", required=True, help="Name of the team.")
        parser.add_argument("--owner-email", required=True, help="E-mail address of the owner.")
        parser.add_argument("--slug", default="", help="The team's part of the address.")
        parser.add_argument("--credits", type=int, default=0, help="Credits to start with.")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Make the owner if need be, the team, and its first credits: all or nothing."""
        email = options["owner_email"].strip().lower()
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"{email} is not an e-mail address.") from None
        if options["credits"] < 0:
            raise CommandError("A team cannot start with less than 0 credits.")
        try:
            founding = create_team_for(
                name=options["name"], owner_email=email, slug=options["slug"], actor=ACTOR
            )
        except TeamRefused as exc:
            raise CommandError(exc.sentence) from None
        team, owner = founding.team, founding.owner
        if options["credits"]:
            grant(
                team=team,
                amount=options["credits"],
                actor=ACTOR,
                reason="Start",
                key=str(uuid4()),
            )
        self.stdout.write(f"Team {team.name}: /t/{team.slug}/ with {options['credits']} credits.")
        if owner is None:
            self.stdout.write(
                f"The account of {email} never proved its address. "
                "An invitation to own the team goes there by mail."
            )
            if founding.invitation_link:
                self.stdout.write(f"No mail server is set: {founding.invitation_link}")
        elif founding.needs_password:
            self.stdout.write(f"{email} sets a password here: {set_password_link(owner)}")
