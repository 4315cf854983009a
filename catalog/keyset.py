"""Keyset pages in both directions: the rows after or before a place in the order, without OFFSET."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)

#: Counts shown to people stop here: one row more is read and told as "1,000+".
COUNT_CAP = 1000
#: A cursor tells moments in whole microseconds since then: no time zone, nothing to round.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Order:
    """An order of rows by one column and then by id. `parse` reads the column from a cursor."""

    column: str
    descending: bool
    parse: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows in order, and the cursors of the pages beside them; empty where there is none."""

    rows: list[Row]
    before: str
    after: str


def keyset_page(
    rows: QuerySet[Row], order: Order, *, after: str = "", before: str = "", size: int
) -> Page[Row]:
    """The `size` rows next to a cursor. A cursor that nobody issued gives the first page."""
    place = _read(after, order) or _read(before, order)
    backwards = bool(before) and _read(after, order) is None and place is not None
    falling = order.descending is not backwards
    sign = "-" if falling else ""
    ordered = rows.order_by(f"{sign}{order.column}", f"{sign}pk")
    if place is not None:
        ordered = ordered.filter(_beyond(order.column, place, "lt" if falling else "gt"))
    found = list(ordered[: size + 1])
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Page([], "", "")
    has_before = more if backwards else place is not None
    has_after = True if backwards else more
    return Page(
        found,
        _write(found[0], order) if has_before else "",
        _write(found[-1], order) if has_after else "",
    )


def by_time(column: str, *, descending: bool = True) -> Order:
    """The order by a column of moments, newest first unless told otherwise."""
    return Order(column, descending, _moment)


def by_number(column: str) -> Order:
    """The order by a column of integers, smallest first."""
    return Order(column, False, _integer)


def by_text(column: str) -> Order:
    """The order by a column of text, from A to Z."""
    return Order(column, False, _storable)


def neighbours(
    rows: QuerySet[Row], row: Row, order: Order, *, before: int, after: int
) -> list[Row]:
    """Up to `before` rows ahead of `row` and `after` rows behind it, in order, without it."""
    place = (getattr(row, order.column), row.pk)
    if place[0] is None:
        return []
    onward, back = ("lt", "gt") if order.descending else ("gt", "lt")
    falling, rising = [f"-{order.column}", "-pk"], [order.column, "pk"]
    ahead = rows.filter(_beyond(order.column, place, back)).order_by(
        *(rising if order.descending else falling)
    )
    behind = rows.filter(_beyond(order.column, place, onward)).order_by(
        *(falling if order.descending else rising)
    )
    return [*reversed(list(ahead[:before])), *behind[:after]]


def capped_count(rows: QuerySet[Any]) -> int:
    """How many rows there are, or COUNT_CAP + 1 when there are more than that."""
    return rows.order_by()[: COUNT_CAP + 1].count()


def _beyond(column: str, place: tuple[Any, UUID], way: str) -> Q:
    value, key = place
    # The first condition alone lets the index find its start; the second keeps ties apart.
    return Q(**{f"{column}__{way}e": value}) & (
        Q(**{f"{column}__{way}": value}) | Q(**{f"pk__{way}": key})
    )


def _write(row: Model, order: Order) -> str:
    value = getattr(row, order.column)
    if isinstance(value, datetime):
        value = (value - _EPOCH) // _MICROSECOND
    text = str(value)
    return urlsafe_b64encode(json.dumps([text, str(row.pk)]).encode()).decode().rstrip("=")


def _read(cursor: str, order: Order) -> tuple[Any, UUID] | None:
    if not cursor or len(cursor) > 2000:
        return None
    try:
        text, key = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return order.parse(text), UUID(key)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _moment(text: str) -> datetime:
    return _EPOCH + int(text) * _MICROSECOND


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("No column holds NUL.")
    text.encode()  # Raises UnicodeEncodeError for half a surrogate pair.
    return text


def _integer(text: str) -> int:
    number = int(text)
    if abs(number) >= 2**31:
        raise ValueError("Larger than the column.")
    return number
