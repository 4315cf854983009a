"""System checks of provider settings."""

from generation.checks import policy_is_known, provider_is_configured


def test_no_key_and_no_sandbox_is_warned_about(settings):
    settings.SANDBOX, settings.SELLERPIC_API_KEY = False, ""
    assert [message.id for message in provider_is_configured(None)] == ["generation.W001"]

    settings.SELLERPIC_API_KEY = "key"
    assert provider_is_configured(None) == []


def test_an_unknown_policy_is_an_error(settings):
    settings.UNKNOWN_OUTCOME_POLICY = "hope"
    assert [message.id for message in policy_is_known(None)] == ["generation.E001"]

    settings.UNKNOWN_OUTCOME_POLICY = "ask"
    assert policy_is_known(None) == []
