"""The kinds of trouble that can be scripted, and the operation each one strikes by default."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.accounts import FASHN, PROVIDERS, SELLERPIC

OPERATIONS = frozenset(
    {"upload", "presets", "submit", "status", "download", "usage", "file", "webhook", "output"}
)
"""The calls that a fault may strike. FASHN's run is `submit`, its credits are `usage`.

`webhook` is a run that names a webhook, `output` a status that tells of outputs.
"""

DEFAULT_OPERATION = {
    # Either provider, each in its own words.
    "one_fails": "submit",
    "all_fail": "submit",
    "busy": "submit",
    "lost_answer": "submit",
    "bad_gateway": "submit",
    "slow": "submit",
    "slow_body": "submit",
    "stuck": "submit",
    "status_404": "status",
    "unknown_state": "status",
    "null_data": "submit",
    "unauthorized": "submit",
    "out_of_credits": "submit",
    "extra_keys": "status",
    "garbage_image": "submit",
    # SellerPic.
    "dead_link": "download",
    # FASHN.
    "api_error": "submit",
    "runtime_error": "submit",
    "images_object": "output",
    "missing_output": "output",
    "no_credits_header": "output",
    "wrong_credits_header": "output",
    "duplicate": "webhook",
    "late": "webhook",
    "early": "webhook",
    "none": "webhook",
}
"""Every kind of fault, with the operation it strikes unless told otherwise by `on`."""

ONLY_OF = {
    "dead_link": SELLERPIC,
    **dict.fromkeys(
        (
            "api_error", "runtime_error", "images_object", "missing_output", "no_credits_header",
            "wrong_credits_header", "duplicate", "late", "early", "none",
        ),
        FASHN,
    ),
}  # fmt: skip
"""Kinds that only one provider's API can show."""

API_ERRORS = {
    "BadRequest": 400,
    "UnauthorizedAccess": 401,
    "NotFound": 404,
    "RateLimitExceeded": 429,
    "ConcurrencyLimitExceeded": 429,
    "OutOfCredits": 429,
    "InternalServerError": 500,
}
"""FASHN's documented error codes with their HTTP status."""

RUNTIME_ERRORS = (
    "ImageLoadError",
    "ContentModerationError",
    "InputValidationError",
    "PoseError",
    "LoRALoadError",
    "ThirdPartyError",
    "UnavailableError",
    "PipelineError",
    "InternalServerError",
    "3rdPartyProviderError",
)
"""FASHN's documented names of failed predictions."""

_MOVABLE = frozenset(
    {"lost_answer", "bad_gateway", "slow", "slow_body", "null_data", "unauthorized", "extra_keys",
     "api_error"}
)  # fmt: skip
"""Kinds that make sense on any operation; the others are bound to their own."""

_OPTIONS = {
    "slow": "seconds",
    "slow_body": "seconds",
    "late": "seconds",
    "one_fails": "item",
    "bad_gateway": "accepted",
    "api_error": "code",
    "runtime_error": "name",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted fault as it strikes: its kind and the numbers that tune it."""

    kind: str
    options: dict[str, Any]

    @property
    def seconds(self) -> float:
        """How long the slow kinds take."""
        return float(self.options.get("seconds", 2))


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault as ordered: strikes `times` calls of `operation`, or all of them if None.

    `provider` is empty for either; `rate` is the share of calls that it strikes, None for each.
    """

    kind: str
    operation: str
    times: int | None
    options: dict[str, Any]
    provider: str = ""
    rate: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The order as it could be given again."""
        order: dict[str, Any] = {"kind": self.kind, "on": self.operation, "times": self.times}
        if self.provider:
            order["provider"] = self.provider
        if self.rate is not None:
            order["rate"] = self.rate
        return order | self.options


def read_order(order: dict[str, Any]) -> PlannedFault:
    """Check an order such as `{"kind": "slow", "times": 2, "on": "status", "seconds": 0.5}`.

    `times` defaults to 1, or to null (until cleared) beside a `rate`, the share of calls from 0 to
    1 that it strikes. `provider` is sellerpic or fashn, either by default. Options by kind: `slow`,
    `slow_body` and `late` take `seconds` (default 2); `one_fails` takes `item` (0 to 3, default
    1); `bad_gateway` takes `accepted` (default false: answered without being carried out);
    `api_error` needs a `code` and `runtime_error` a `name` of FASHN's. Raises ValueError with a
    sentence for the person who wrote the order.
    """
    kind = order.get("kind")
    if not isinstance(kind, str) or kind not in DEFAULT_OPERATION:
        raise ValueError(f"Unknown fault kind. Known: {', '.join(sorted(DEFAULT_OPERATION))}.")
    operation = order.get("on", DEFAULT_OPERATION[kind])
    if operation not in OPERATIONS:
        raise ValueError(f"Unknown operation. Known: {', '.join(sorted(OPERATIONS))}.")
    if operation != DEFAULT_OPERATION[kind] and kind not in _MOVABLE:
        raise ValueError(f"{kind} strikes {DEFAULT_OPERATION[kind]} only.")
    rate = order.get("rate")
    if rate is not None and (not _is_number(rate) or not 0 <= rate <= 1):
        raise ValueError("rate must be a number from 0 to 1.")
    times = order.get("times", 1 if rate is None else None)
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise ValueError("times must be a whole number from 1, or null for every call.")
    known = {"kind", "on", "times", "rate", "provider"}
    options = {key: value for key, value in order.items() if key not in known}
    _check_options(kind, options)
    return PlannedFault(kind, operation, times, options, _provider(order, kind), rate)


def read_file(path: Path) -> list[PlannedFault]:
    """The orders of a TOML file, one `[[fault]]` table each; `times = 0` stands for null.

    Raises ValueError with a sentence that names the table.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("fault", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ValueError(f"{path} cannot be read: {exc}.") from exc
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"{path} must hold [[fault]] tables.")
    orders = []
    for number, table in enumerate(tables, start=1):
        # TOML has no null.
        order = {**table, "times": None} if table.get("times") == 0 else table
        try:
            orders.append(read_order(order))
        except ValueError as exc:
            raise ValueError(f"{path}, fault {number}: {exc}") from exc
    return orders


def _provider(order: dict[str, Any], kind: str) -> str:
    provider = order.get("provider") or ONLY_OF.get(kind, "")
    if provider not in ("", *PROVIDERS):
        raise ValueError(f"Unknown provider. Known: {', '.join(PROVIDERS)}.")
    if ONLY_OF.get(kind, provider) != provider:
        raise ValueError(f"{kind} is a trouble of {ONLY_OF[kind]} only.")
    return str(provider)


def _check_options(kind: str, options: dict[str, Any]) -> None:
    for name in options:
        if name != _OPTIONS.get(kind):
            raise ValueError(f"{kind} takes no option called {name}.")
    seconds = options.get("seconds", 2)
    if not _is_number(seconds) or not 0 <= seconds <= 600:
        raise ValueError("seconds must be a number from 0 to 600.")
    if options.get("item", 1) not in (0, 1, 2, 3):
        raise ValueError("item must be a whole number from 0 to 3.")
    if not isinstance(options.get("accepted", False), bool):
        raise ValueError("accepted must be true or false.")
    if kind == "api_error" and options.get("code") not in API_ERRORS:
        raise ValueError(f"code must be one of {', '.join(API_ERRORS)}.")
    if kind == "runtime_error" and options.get("name") not in RUNTIME_ERRORS:
        raise ValueError(f"name must be one of {', '.join(RUNTIME_ERRORS)}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
