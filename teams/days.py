"""Which days people may name in a form."""

from __future__ import annotations

from datetime import date

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_FIRST_YEAR, _LAST_YEAR = 2000, 2999


def check_day(day: date) -> None:
    """Refuse the ends of the calendar: no time zone has a midnight there. Raises ValidationError."""
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValidationError(
            _("Give a day between the years %(first)d and %(last)d.")
            % {"first": _FIRST_YEAR, "last": _LAST_YEAR}
        )
