"""Jobs as people name them: by the id, or by its beginning as pages print it."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_JOB = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}")


def read_job(text: str) -> str:
    """The beginning of a job's id, eight letters or more; "" for nothing. Raises ValidationError."""
    begins = text.strip().lower().removeprefix(_("Job").lower()).strip()
    if begins and not _JOB.fullmatch(begins):
        raise ValidationError(_("Give the job's number, or its first eight letters: 0a1b2c3d."))
    return begins
