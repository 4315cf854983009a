"""System checks of the providers: keys, addresses, hosts, and the secrets that open stored keys.

What needs the rows is a database check: `manage.py check --database default` asks for it, and
`migrate` does.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.db import connections

SETTINGS_OF = {"sellerpic": "SELLERPIC", "fashn": "FASHN"}
LEAST_SECRET = 32
"""Letters; a shorter secret can be guessed from a stolen database."""

_TABLE = "generation_provideraccount"
_HOST = re.compile(r"\.?[a-z0-9-]+(\.[a-z0-9-]+)*", re.IGNORECASE)


@checks.register
def providers_have_keys(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Some provider can be used. Where keys may lie in the database, `stored_keys_open` says it."""
    if settings.SANDBOX or any(settings.PROVIDER_KEY_SECRETS):
        return []
    return _missing_keys(stored=())


@checks.register
def addresses_are_origins(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Providers' addresses are a scheme and a host; keys travel to live hosts by HTTPS alone."""
    found: list[checks.CheckMessage] = []
    for name in ("SELLERPIC_BASE_URL", "FASHN_BASE_URL", "SANDBOX_URL"):
        parts = _split(getattr(settings, name))
        if not _is_origin(parts):
            found.append(
                checks.Error(
                    f"{name} is not the address of a host.",
                    hint="Write https:// and the host's name, without a path or a password.",
                    id="generation.E001",
                )
            )
        elif name != "SANDBOX_URL" and parts.scheme != "https" and not _is_loopback(parts):
            found.append(
                checks.Error(
                    f"{name} is not an https:// address: the key would travel in the open.",
                    hint="Use https://; plain http is for this machine alone.",
                    id="generation.E002",
                )
            )
    return found


@checks.register
def webhooks_can_arrive(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Providers can call the address that they are told. The sandbox may call this machine."""
    if not settings.WEBHOOK_BASE_URL:
        return []
    parts = _split(settings.WEBHOOK_BASE_URL)
    if not _has_host(parts) or parts.query or parts.fragment:
        return [
            checks.Error(
                "WEBHOOK_BASE_URL is not an address that can be called.",
                hint="Write https:// and the public name of this installation, or leave it empty.",
                id="generation.E003",
            )
        ]
    if settings.SANDBOX or (parts.scheme == "https" and _is_public(parts)):
        return []
    return [
        checks.Warning(
            "No provider can call WEBHOOK_BASE_URL: it is no public https:// address.",
            hint="Results are found by asking, which takes longer. Leave it empty to say so.",
            id="generation.W002",
        )
    ]


@checks.register
def results_may_be_fetched(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Live results are fetched from named hosts only; without a name, from none."""
    empty = [
        checks.Warning(
            f"{prefix}_FILE_HOSTS is empty: no result of a live account can be fetched.",
            hint="Name the hosts that the provider's links lead to, separated by commas.",
            id="generation.W003",
        )
        for prefix in SETTINGS_OF.values()
        if not any(host.strip() for host in getattr(settings, f"{prefix}_FILE_HOSTS"))
    ]
    faulty = [
        checks.Error(
            f"{prefix}_FILE_HOSTS holds {entry[:60]!r}, which is no host: nothing is fetched by it.",
            hint="Write cdn.example.com, or .example.com for all hosts of a domain.",
            id="generation.E006",
        )
        for prefix in SETTINGS_OF.values()
        for entry in getattr(settings, f"{prefix}_FILE_HOSTS")
        if entry.strip() and not _HOST.fullmatch(entry.strip())
    ]
    return [*empty, *faulty]


@checks.register
def keys_can_be_sent(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Keys of the environment have a form that a header takes; no other is ever sent."""
    from generation.providers.keys import SETTINGS, environment_key

    return [
        checks.Error(
            f"{name} is no key: it holds blanks, line breaks or letters that no key has.",
            hint="Write the key alone, on one line.",
            id="generation.E004",
        )
        for provider, name in SETTINGS.items()
        if getattr(settings, name) and not environment_key(provider)
    ]


@checks.register
def codes_have_meanings(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """What SELLERPIC_CODES says can be understood."""
    from generation.providers.sellerpic_answers import MEANINGS, meanings_of

    _found, faulty = meanings_of(settings.SELLERPIC_CODES)
    return [
        checks.Error(
            f"SELLERPIC_CODES says nothing by {entry[:60]!r}.",
            hint=f"Write a code and its meaning, 12345=busy, out of: {', '.join(MEANINGS)}.",
            id="generation.E005",
        )
        for entry in faulty
    ]


@checks.register
def secrets_are_long(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """The secrets that encrypt stored keys cannot be guessed."""
    if all(len(secret) >= LEAST_SECRET for secret in settings.PROVIDER_KEY_SECRETS):
        return []
    return [
        checks.Warning(
            f"A secret of PROVIDER_KEY_SECRETS is shorter than {LEAST_SECRET} letters.",
            hint="Put a long random one in front and run `manage.py rotate_provider_keys`.",
            id="generation.W005",
        )
    ]


@checks.register(checks.Tags.database)
def stored_keys_open(
    databases: Iterable[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Stored keys can be read, and some provider has one or gets one from the environment."""
    found: list[checks.CheckMessage] = []
    for alias in databases or ():
        if _has_column(alias, "encrypted_key"):
            found += _check_stored(alias)
    return found


def _check_stored(alias: str) -> list[checks.CheckMessage]:
    from generation.models import ProviderAccount
    from generation.providers.keys import is_readable

    rows = ProviderAccount.objects.using(alias).exclude(encrypted_key="")
    stored = list(rows.order_by("pk").values_list("provider", "base_url", "encrypted_key"))
    has_secrets = any(settings.PROVIDER_KEY_SECRETS)
    closed = [f"{provider} at {url}" for provider, url, token in stored if not is_readable(token)]
    found: list[checks.CheckMessage] = []
    if closed:
        found.append(
            checks.Warning(
                f"The stored key of {', '.join(closed)} cannot be read: "
                + (
                    "no secret of PROVIDER_KEY_SECRETS opens it."
                    if has_secrets
                    else "PROVIDER_KEY_SECRETS is empty."
                ),
                hint="Put the secret back that it was stored with, or write the key again.",
                id="generation.W004",
            )
        )
    if has_secrets and not settings.SANDBOX:
        addresses = {name: _live_address(name) for name in SETTINGS_OF}
        found += _missing_keys(
            stored={
                provider
                for provider, url, token in stored
                if url == addresses.get(provider) and is_readable(token)
            }
        )
    return found


def _missing_keys(stored: Collection[str]) -> list[checks.CheckMessage]:
    """A warning where no provider has a key, else a word about each that has none."""
    missing = [
        provider
        for provider, prefix in SETTINGS_OF.items()
        if not getattr(settings, f"{prefix}_API_KEY") and provider not in stored
    ]
    if len(missing) == len(SETTINGS_OF):
        return [
            checks.Warning(
                "No provider can be used: there is no key, and the sandbox is off.",
                hint=(
                    "Set SELLERPIC_API_KEY or FASHN_API_KEY, write a key on the providers' page of "
                    "the admin, or set SANDBOX=1 to try Diptych out."
                ),
                id="generation.W001",
            )
        ]
    return [
        checks.Info(
            f"{SETTINGS_OF[provider]}_API_KEY is empty and no key is stored: "
            "what this provider offers is left out.",
            hint="Nothing is to be done if that is meant.",
            id="generation.I001",
        )
        for provider in missing
    ]


def _live_address(provider: str) -> str:
    return str(getattr(settings, f"{SETTINGS_OF[provider]}_BASE_URL"))


def _has_column(alias: str, column: str) -> bool:
    """Whether the database is migrated far enough; `migrate` checks it before it begins."""
    connection = connections[alias]
    if _TABLE not in connection.introspection.table_names():
        return False
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, _TABLE)
    return column in {found.name for found in columns}


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 (raises ValueError for what is no number)
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


def _has_host(parts: SplitResult) -> bool:
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def _is_origin(parts: SplitResult) -> bool:
    return _has_host(parts) and not (parts.path or parts.query or parts.fragment)


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_public(parts: SplitResult) -> bool:
    """False for this machine and private addresses. Names are taken at their word."""
    try:
        return ipaddress.ip_address(parts.hostname or "").is_global
    except ValueError:
        return not _is_loopback(parts)
