"""Accounts at the emulated providers: which keys name one, and how much each may do at once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

SELLERPIC, FASHN = "sellerpic", "fashn"
PROVIDERS = (SELLERPIC, FASHN)

REVOKED = "revoked"
"""The key of an account that was closed."""

Limits = Mapping[str, Mapping[str, int]]

DEFAULT_LIMITS: Limits = {
    # Tasks in flight at once [vendor pages]; that all other tasks share `general` is ASSUMED.
    SELLERPIC: {
        "general": 10,
        "video": 10,
        "instruct_edit": 5,
        "segment_by_prompt": 5,
        "segment_by_type": 5,
    },
    # `all` predictions in flight; calls per sliding window of 60, 10 and 10 seconds [vendor page].
    FASHN: {"all": 6, "run": 50, "status": 50, "credits": 30},
}


@dataclass(frozen=True, slots=True)
class Account:
    """One key at one provider, with its own balance, uploads, tasks, pools and rate windows."""

    provider: str
    key: str


def bearer(authorization: str) -> str:
    """The key of an `Authorization: Bearer …` header, or an empty string."""
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def is_known(key: str) -> bool:
    """Whether the sandbox keeps an account for the key."""
    return key == "sandbox" or key.startswith(("sandbox-", "fa-sandbox"))


class LimitBook:
    """The limits in force. `of(provider)[name]` reads; `change` raises or lowers some of them."""

    def __init__(self, changes: Mapping[str, Mapping[str, int] | int] | None = None) -> None:
        self._lock = threading.Lock()
        self._limits: Limits = {name: dict(limits) for name, limits in DEFAULT_LIMITS.items()}
        self.change(changes or {})

    def of(self, provider: str) -> Mapping[str, int]:
        return self._limits[provider]

    def change(self, changes: Mapping[str, object]) -> None:
        """Apply changes such as `{"sellerpic": {"general": 100}, "fashn": 60}`.

        A bare number is the limit of every pool of the provider (not of its rate windows). Raises
        ValueError with a sentence, and changes nothing then.
        """
        with self._lock:
            fresh = {name: dict(limits) for name, limits in self._limits.items()}
            for provider, wanted in changes.items():
                if provider not in fresh:
                    raise ValueError(f"Unknown provider. Known: {', '.join(PROVIDERS)}.")
                if not isinstance(wanted, Mapping):
                    pools = ("all",) if provider == FASHN else tuple(fresh[provider])
                    wanted = dict.fromkeys(pools, wanted)
                for name, limit in wanted.items():
                    if name not in fresh[provider]:
                        known = ", ".join(fresh[provider])
                        raise ValueError(f"{provider} has no such limit. Known: {known}.")
                    if type(limit) is not int or limit < 0:
                        raise ValueError("A limit must be a whole number from 0.")
                    fresh[provider][name] = limit
            self._limits = fresh

    def as_json(self) -> dict[str, dict[str, int]]:
        return {name: dict(limits) for name, limits in self._limits.items()}
