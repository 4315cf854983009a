"""Reads what comes in a provider's answer: a stranger's text, made fit for any database and page."""

from __future__ import annotations

import re
from typing import Any

from generation.providers.http import Answer

# Ids are opaque; whatever else comes in their place is none. Python reads longer numbers than any
# database holds.
_ID = re.compile(r"[\x21-\x7e]{1,80}")
_LONGEST_PAUSE = 3600.0
_MOST_CREDITS = 2**53


def json_object(answer: Answer) -> dict[str, Any] | None:
    """The body as a JSON object; None where it is none."""
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def plain(value: object, most: int) -> str:
    """Text as any database takes it: no NUL, no half of a character, `most` long."""
    text = "" if value is None else str(value)
    return text[: 2 * most].replace("\0", "").encode("utf-8", "ignore").decode()[:most]


def id_text(value: object) -> str:
    """An id as text, at most 80 characters; "" for what is none. A number stays whole."""
    if isinstance(value, bool):
        return ""
    text = digits(value) if isinstance(value, int) else value
    return text if isinstance(text, str) and text != "0" and _ID.fullmatch(text) else ""


def digits(number: int) -> str:
    """A number as text; "" for one that is longer than Python likes to write."""
    return str(number) if abs(number) < 10**80 else ""


def credits_of(value: object) -> int:
    """A number of credits. Raises ValueError for anything that no account has."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("No number of credits.")
    try:
        number = float(value)
        whole = int(value) if isinstance(value, int) else int(number)
    except OverflowError as exc:
        raise ValueError("No account has that many credits.") from exc
    if whole != number or abs(whole) > _MOST_CREDITS:
        raise ValueError("No account has that many credits.")
    return whole


def pause_of(answer: Answer) -> float | None:
    """Seconds that the answer asks to wait, an hour at most."""
    return None if answer.retry_after is None else min(answer.retry_after, _LONGEST_PAUSE)
