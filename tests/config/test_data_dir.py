"""The settings that the first start writes into the data folder, and what a later one adds."""

from __future__ import annotations

import stat

from config import data_dir


def settings_of(folder) -> dict[str, str]:
    lines = (folder / data_dir.SETTINGS_FILE).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_first_start_writes_mode_and_secrets_for_its_owner_alone(tmp_path):
    data_dir.write_settings(tmp_path)

    written = settings_of(tmp_path)
    assert list(written) == ["MODE", "SECRET_KEY", "PROVIDER_KEY_SECRETS"]
    assert written["MODE"] == "embedded"
    assert len(written["SECRET_KEY"]) == len(written["PROVIDER_KEY_SECRETS"]) == 64
    assert written["SECRET_KEY"] != written["PROVIDER_KEY_SECRETS"]
    assert stat.S_IMODE((tmp_path / data_dir.SETTINGS_FILE).stat().st_mode) == 0o600


def test_a_later_start_changes_nothing(tmp_path):
    data_dir.write_settings(tmp_path)
    before = (tmp_path / data_dir.SETTINGS_FILE).read_bytes()

    data_dir.write_settings(tmp_path)

    assert (tmp_path / data_dir.SETTINGS_FILE).read_bytes() == before


def test_an_older_installation_gets_the_missing_secret_once_and_keeps_the_rest(tmp_path):
    file = tmp_path / data_dir.SETTINGS_FILE
    file.write_text("# Mine.\nMODE=embedded\nSECRET_KEY=old\nSELLERPIC_API_KEY=sp")

    data_dir.write_settings(tmp_path)
    first = file.read_text()
    data_dir.write_settings(tmp_path)

    assert file.read_text() == first
    assert first.startswith(
        "# Mine.\nMODE=embedded\nSECRET_KEY=old\nSELLERPIC_API_KEY=sp\nPROVIDER"
    )
    assert len(settings_of(tmp_path)["PROVIDER_KEY_SECRETS"]) == 64


def test_a_secret_that_somebody_emptied_on_purpose_stays_empty(tmp_path):
    file = tmp_path / data_dir.SETTINGS_FILE
    file.write_text("MODE=embedded\nSECRET_KEY=old\nPROVIDER_KEY_SECRETS=\n")

    data_dir.write_settings(tmp_path)

    assert settings_of(tmp_path)["PROVIDER_KEY_SECRETS"] == ""
