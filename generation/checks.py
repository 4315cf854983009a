"""System checks: settings that would make every job wait or fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

_POLICIES = ("ask", "retry", "release")


@checks.register
def provider_is_configured(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Without a key and without the sandbox no provider takes a job."""
    if settings.SANDBOX or settings.SELLERPIC_API_KEY:
        return []
    return [
        checks.Warning(
            "No provider can be used: SELLERPIC_API_KEY is empty and the sandbox is off.",
            hint="Set SELLERPIC_API_KEY, or SANDBOX=1 to try Diptych out.",
            id="generation.W001",
        )
    ]


@checks.register
def policy_is_known(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """The policy for unanswered submits is one of three words."""
    if settings.UNKNOWN_OUTCOME_POLICY in _POLICIES:
        return []
    return [
        checks.Error(
            f"UNKNOWN_OUTCOME_POLICY must be one of {', '.join(_POLICIES)}, "
            f"not {settings.UNKNOWN_OUTCOME_POLICY!r}.",
            id="generation.E001",
        )
    ]
