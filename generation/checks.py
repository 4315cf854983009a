"""System checks: settings that would make every job wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks


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
