"""Makes the demo team and its sign-in, for a one-machine installation that nobody used yet."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from config.data_dir import write_private
from teams.credits import grant
from teams.models import LedgerEntry, Team, User
from teams.services import create_team

DEMO_EMAIL = "demo@diptych.example"
DEMO_TEAM = "demo"
DEMO_CREDITS = 200
PASSWORD_FILE = "demo-password"  # noqa: S105 (the name of the file)


class Command(BaseCommand):
    """Idempotent: what exists is left as it is."""

    help = f"Make the demo team with {DEMO_CREDITS} credits and the demo sign-in (embedded mode)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse outside the embedded mode, where a well-known sign-in would be a hole."""
        if not settings.EMBEDDED:
            raise CommandError("The demo is made in the embedded mode only, on loopback.")
        with transaction.atomic():
            user = User.objects.filter(email=DEMO_EMAIL).first()
            if user is None:
                user = User.objects.create_superuser(DEMO_EMAIL, name="Demo")
            if not demo_password():
                password = secrets.token_urlsafe(9)
                user.set_password(password)
                user.save(update_fields=["password"])
                write_private(settings.DATA_DIR / PASSWORD_FILE, password + "\n")
            team = Team.objects.filter(slug=DEMO_TEAM).first()
            if team is None:
                team = create_team(name="Demo studio", owner=user, slug=DEMO_TEAM)
            if not LedgerEntry.objects.filter(account__team=team, key="grant:demo").exists():
                grant(
                    team=team,
                    amount=DEMO_CREDITS,
                    actor="setup",
                    reason="Credits to try it out",
                    key="demo",
                )


def demo_password() -> str:
    """The password made at the first start, or nothing."""
    try:
        return (settings.DATA_DIR / PASSWORD_FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def demo_sign_in() -> str:
    """Words for the start-up block: address and password, or nothing when there is no demo user."""
    user = User.objects.filter(email=DEMO_EMAIL, is_active=True).first()
    if user is None:
        return ""
    password = demo_password()
    if password and user.check_password(password):
        return f"{DEMO_EMAIL}  password {password}"
    return f"{DEMO_EMAIL}  with the password you set"
