"""The kinds of trouble that can be scripted, and the operation each one strikes by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

OPERATIONS = frozenset({"upload", "presets", "submit", "status", "download", "usage", "file"})
"""The calls of a provider's API that a fault may strike."""

DEFAULT_OPERATION = {
    "one_fails": "submit",
    "all_fail": "submit",
    "busy": "submit",
    "lost_answer": "submit",
    "bad_gateway": "submit",
    "slow": "submit",
    "stuck": "submit",
    "status_404": "status",
    "unknown_state": "status",
    "null_data": "submit",
    "dead_link": "download",
    "unauthorized": "submit",
    "out_of_credits": "submit",
    "extra_keys": "status",
    "garbage_image": "submit",
}
"""Every kind of fault, with the operation it strikes unless told otherwise by `on`."""

_MOVABLE = frozenset(
    {"lost_answer", "bad_gateway", "slow", "null_data", "unauthorized", "extra_keys"}
)
"""Kinds that make sense on any operation; the others are bound to their own."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted fault as it strikes: its kind and the numbers that tune it."""

    kind: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault as ordered: strikes `times` calls of `operation`, or all of them if None."""

    kind: str
    operation: str
    times: int | None
    options: dict[str, Any]


def read_order(order: dict[str, Any]) -> PlannedFault:
    """Check an order such as `{"kind": "slow", "times": 2, "on": "status", "seconds": 0.5}`.

    `times` defaults to 1; null means until cleared. Options by kind: `slow` takes `seconds`
    (default 2); `one_fails` takes `item` (0 or 1, default 1); `bad_gateway` takes `accepted`
    (default false: the call is answered without being carried out). Raises ValueError with
    a sentence for the person who wrote the order.
    """
    kind = order.get("kind")
    if not isinstance(kind, str) or kind not in DEFAULT_OPERATION:
        raise ValueError(f"Unknown fault kind. Known: {', '.join(sorted(DEFAULT_OPERATION))}.")
    operation = order.get("on", DEFAULT_OPERATION[kind])
    if operation not in OPERATIONS:
        raise ValueError(f"Unknown operation. Known: {', '.join(sorted(OPERATIONS))}.")
    if operation != DEFAULT_OPERATION[kind] and kind not in _MOVABLE:
        raise ValueError(f"{kind} strikes {DEFAULT_OPERATION[kind]} only.")
    times = order.get("times", 1)
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise ValueError("times must be a whole number from 1, or null for every call.")
    options = {key: value for key, value in order.items() if key not in {"kind", "on", "times"}}
    _check_options(kind, options)
    return PlannedFault(kind, operation, times, options)


def _check_options(kind: str, options: dict[str, Any]) -> None:
    allowed = {"slow": "seconds", "one_fails": "item", "bad_gateway": "accepted"}.get(kind)
    for name in options:
        if name != allowed:
            raise ValueError(f"{kind} takes no option called {name}.")
    seconds = options.get("seconds", 2)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 600:
        raise ValueError("seconds must be a number from 0 to 600.")
    if options.get("item", 1) not in (0, 1):
        raise ValueError("item must be 0 or 1.")
    if not isinstance(options.get("accepted", False), bool):
        raise ValueError("accepted must be true or false.")
