"""Keyset pages: the rows after a place in the order. No offset, no count of everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import DateTimeField, Model, Q, QuerySet

T = TypeVar("T", bound=Model)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

#: Counts shown to people stop here: one more row is read and told as "1,000+".
COUNT_CAP = 1000


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[T]):
    """Some rows in order. `next_cursor` is empty on the last page."""

    rows: list[T]
    next_cursor: str


def keyset_page(
    rows: QuerySet[T], *, field: str, after: str, size: int, newest_first: bool = True
) -> KeysetPage[T]:
    """The `size` rows that follow the cursor `after` in the order of (field, id).

    A cursor that nobody issued is taken as none: the first page.
    """
    ordered = rows.order_by(*([f"-{field}", "-pk"] if newest_first else [field, "pk"]))
    place = read_cursor(rows.model, field, after)
    if place is not None:
        ordered = ordered.filter(_beyond(field, place, "lt" if newest_first else "gt"))
    found = list(ordered[: size + 1])
    more = len(found) > size
    found = found[:size]
    return KeysetPage(found, write_cursor(found[-1], field) if more else "")


def neighbours(rows: QuerySet[T], row: T, *, field: str, before: int, after: int) -> list[T]:
    """Up to `before` rows ahead of `row` and `after` rows behind it, oldest first, without it."""
    place = (getattr(row, field), row.pk)
    if place[0] is None:
        return []
    ahead = rows.filter(_beyond(field, place, "lt")).order_by(f"-{field}", "-pk")[:before]
    behind = rows.filter(_beyond(field, place, "gt")).order_by(field, "pk")[:after]
    return [*reversed(list(ahead)), *behind]


def write_cursor(row: Model, field: str) -> str:
    """The place of a row in the order, as text for an address."""
    value = getattr(row, field)
    if isinstance(value, datetime):
        value = (value - EPOCH) // MICROSECOND
    return f"{value}~{row.pk}"


def read_cursor(model: type[Model], field: str, cursor: str) -> tuple[Any, UUID] | None:
    """The place that `write_cursor` wrote, or None for anything else."""
    value, _, pk = cursor.partition("~")
    try:
        number, key = int(value), UUID(pk)
        if isinstance(model._meta.get_field(field), DateTimeField):
            return EPOCH + number * MICROSECOND, key
    except (ValueError, OverflowError):
        return None
    return (number, key) if abs(number) < 2**31 else None


def capped_count(rows: QuerySet[Any]) -> int:
    """How many rows there are, or `COUNT_CAP` + 1 when there are more than that."""
    return rows.order_by()[: COUNT_CAP + 1].count()


def _beyond(field: str, place: tuple[Any, UUID], way: str) -> Q:
    value, pk = place
    # The first condition alone lets the index find its start; the second keeps ties apart.
    return Q(**{f"{field}__{way}e": value}) & (
        Q(**{f"{field}__{way}": value}) | Q(**{f"pk__{way}": pk})
    )
