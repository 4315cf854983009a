"""System checks of provider settings: what each says, and when it is silent."""

from __future__ import annotations

import pytest
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from generation.models import ProviderAccount
from generation.providers.keys import encrypt

SECRET = "s" * 40


def found(*, databases: list[str] | None = None) -> list[tuple[str, str]]:
    """Ids and sentences of this app's messages."""
    messages = checks.run_checks(databases=databases)
    return [
        (message.id or "", message.msg)
        for message in messages
        if (message.id or "").startswith("generation.")
    ]


@pytest.fixture
def live(settings):
    """A live installation with both keys in the environment, about which nothing is to be said."""
    settings.SANDBOX = False
    settings.SELLERPIC_API_KEY, settings.FASHN_API_KEY = "sp-key", "fa-key"
    settings.PROVIDER_KEY_SECRETS = []
    assert found() == []
    return settings


def store_key(secret: str, settings, provider: str = "sellerpic") -> None:
    kept = settings.PROVIDER_KEY_SECRETS
    settings.PROVIDER_KEY_SECRETS = [secret]
    address = {"sellerpic": settings.SELLERPIC_BASE_URL, "fashn": settings.FASHN_BASE_URL}
    ProviderAccount.objects.create(
        provider=provider, base_url=address[provider], encrypted_key=encrypt("key")
    )
    settings.PROVIDER_KEY_SECRETS = kept


def test_no_key_and_no_sandbox_is_warned_about(live):
    live.SELLERPIC_API_KEY = live.FASHN_API_KEY = ""
    assert found() == [
        ("generation.W001", "No provider can be used: there is no key, and the sandbox is off.")
    ]

    live.SANDBOX = True
    assert found() == []


def test_one_provider_without_a_key_is_only_told(live):
    live.FASHN_API_KEY = ""

    assert found() == [
        (
            "generation.I001",
            "FASHN_API_KEY is empty and no key is stored: what this provider offers is left out.",
        )
    ]


@pytest.mark.parametrize("key", ["sp key", "sp-\nkey", "clé", "s" * 401, "  "])
def test_a_key_that_no_header_takes_is_an_error(live, key):
    live.SELLERPIC_API_KEY = key

    assert found() == [
        (
            "generation.E004",
            "SELLERPIC_API_KEY is no key: it holds blanks, line breaks or letters that no key has.",
        )
    ]

    live.SELLERPIC_API_KEY = " sp-key\n"
    assert found() == [], "what copying adds does no harm"


def test_codes_of_sellerpic_must_be_told_in_words_that_are_known(live):
    live.SELLERPIC_CODES = ["12345=busy", " 12346 = refused ", "-7=unknown"]
    assert found() == []

    live.SELLERPIC_CODES = ["12345=busy", "12346=bussy", "busy", "0=busy", "x=busy"]
    assert found() == [
        ("generation.E005", f"SELLERPIC_CODES says nothing by {entry!r}.")
        for entry in ("12346=bussy", "busy", "0=busy", "x=busy")
    ]


@pytest.mark.django_db
def test_a_stored_key_counts_where_the_database_is_asked(live):
    live.SELLERPIC_API_KEY = live.FASHN_API_KEY = ""
    live.PROVIDER_KEY_SECRETS = [SECRET]
    assert found() == [], "the database is not asked without a word"
    assert [name for name, _ in found(databases=["default"])] == ["generation.W001"]

    store_key(SECRET, live)

    assert found(databases=["default"]) == [
        (
            "generation.I001",
            "FASHN_API_KEY is empty and no key is stored: what this provider offers is left out.",
        )
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("secrets", "ending"),
    [
        ([], "PROVIDER_KEY_SECRETS is empty."),
        (["t" * 40], "no secret of PROVIDER_KEY_SECRETS opens it."),
    ],
)
def test_a_stored_key_that_nothing_opens_is_warned_about(live, secrets, ending):
    store_key(SECRET, live)
    live.PROVIDER_KEY_SECRETS = secrets

    assert found(databases=["default"]) == [
        (
            "generation.W004",
            f"The stored key of sellerpic at https://api.sellerpic.ai cannot be read: {ending}",
        )
    ]


@pytest.mark.parametrize("name", ["SELLERPIC_BASE_URL", "FASHN_BASE_URL"])
@pytest.mark.parametrize(
    "address",
    [
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://api.example.com/v1",
        "https://api.example.com?x=1",
        "https://me:word@api.example.com",
        "https://api.example.com:many",
        "https://[::1",
        "",
    ],
)
def test_an_address_that_is_no_host_is_an_error(live, name, address):
    setattr(live, name, address)

    assert found() == [("generation.E001", f"{name} is not the address of a host.")]


@pytest.mark.parametrize("name", ["SELLERPIC_BASE_URL", "FASHN_BASE_URL"])
def test_keys_go_to_live_hosts_by_https_alone(live, name):
    setattr(live, name, "http://api.example.com")
    assert found() == [
        (
            "generation.E002",
            f"{name} is not an https:// address: the key would travel in the open.",
        )
    ]

    setattr(live, name, "http://127.0.0.1:9100")
    assert found() == []


def test_the_sandbox_is_spoken_to_by_plain_http(live):
    live.SANDBOX_URL = "http://sandbox:9100"
    assert found() == []

    live.SANDBOX_URL = "sandbox:9100/x"
    assert found() == [("generation.E001", "SANDBOX_URL is not the address of a host.")]


@pytest.mark.parametrize(
    "address",
    [
        "http://diptych.example.com",
        "https://127.0.0.1",
        "https://localhost:8000",
        "https://[::1]",
        "https://10.1.2.3",
    ],
)
def test_webhooks_that_no_provider_can_call_are_warned_about(live, address):
    live.WEBHOOK_BASE_URL = address
    assert found() == [
        (
            "generation.W002",
            "No provider can call WEBHOOK_BASE_URL: it is no public https:// address.",
        )
    ]

    live.SANDBOX = True
    assert found() == [], "the sandbox may call this machine"


def test_an_address_of_webhooks_that_is_none_is_an_error(live):
    for address in ("diptych.example.com", "https://x.example/?a=b", "https://u:p@x.example"):
        live.WEBHOOK_BASE_URL = address
        assert [name for name, _ in found()] == ["generation.E003"], address

    live.WEBHOOK_BASE_URL = "https://diptych.example.com/studio"
    assert found() == []


@pytest.mark.parametrize("prefix", ["SELLERPIC", "FASHN"])
def test_no_file_host_is_warned_about(live, prefix):
    setattr(live, f"{prefix}_FILE_HOSTS", [" "])

    assert found() == [
        (
            "generation.W003",
            f"{prefix}_FILE_HOSTS is empty: no result of a live account can be fetched.",
        )
    ]


@pytest.mark.parametrize(
    "entry",
    ["https://cdn.example.com", "cdn.example.com/x", "*.example.com", "cdn.example.com:443"],
)
def test_a_file_host_that_is_none_is_an_error(live, entry):
    live.FASHN_FILE_HOSTS = ["cdn.example.com", ".example.com", "127.0.0.1"]
    assert found() == []

    live.FASHN_FILE_HOSTS = ["cdn.example.com", entry]

    assert found() == [
        (
            "generation.E006",
            f"FASHN_FILE_HOSTS holds {entry!r}, which is no host: nothing is fetched by it.",
        )
    ]


def test_a_short_secret_is_warned_about(live):
    live.PROVIDER_KEY_SECRETS = [SECRET, "short"]

    assert found() == [
        ("generation.W005", "A secret of PROVIDER_KEY_SECRETS is shorter than 32 letters.")
    ]


def test_every_message_says_what_to_do(live):
    live.SELLERPIC_API_KEY = live.FASHN_API_KEY = ""
    live.SELLERPIC_BASE_URL, live.FASHN_BASE_URL = "x", "http://x.example"
    live.WEBHOOK_BASE_URL = "http://x.example"
    live.FASHN_FILE_HOSTS = []

    messages = [m for m in checks.run_checks() if (m.id or "").startswith("generation.")]

    assert len(messages) == 5
    assert all(message.hint and message.hint.endswith(".") for message in messages)
    with pytest.raises(SystemCheckError, match=r"generation\.E001"):
        call_command("check")
