"""Time zones by name: which are known, and which one a request shows its times in."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _


@cache
def find_zone(name: str) -> ZoneInfo | None:
    """The zone of that IANA name; None for nonsense, which old rows may hold."""
    return ZoneInfo(name) if name in available_timezones() else None


@cache
def zone_names() -> tuple[str, ...]:
    """The names offered to people, such as Europe/Zurich: no abbreviations and no offsets."""
    return tuple(
        sorted(
            name
            for name in available_timezones()
            if name == "UTC" or ("/" in name and not name.startswith(("Etc/", "SystemV/")))
        )
    )


def validate_zone(name: str) -> None:
    """Refuse names that are no time zone."""
    if find_zone(name) is None:
        raise ValidationError(_("Enter the name of a time zone, such as Europe/Zurich."))


def show_times_in(*names: str) -> None:
    """Show this request's times in the first of these zones that is known, else in UTC."""
    zones = (find_zone(name) for name in names if name)
    timezone.activate(next((zone for zone in zones if zone), ZoneInfo("UTC")))
