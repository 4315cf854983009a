"""System checks of provider settings."""

from generation.checks import provider_is_configured


def test_no_key_and_no_sandbox_is_warned_about(settings):
    settings.SANDBOX, settings.SELLERPIC_API_KEY = False, ""
    assert [message.id for message in provider_is_configured(None)] == ["generation.W001"]

    settings.SELLERPIC_API_KEY = "key"
    assert provider_is_configured(None) == []
