"""compose.yaml hands every setting on, and names none that does not exist."""

import re
from pathlib import Path

import pytest
import yaml

from config.management.commands.worker import DRAIN_SECONDS
from generation.engine.timing import Timing

ROOT = Path(__file__).parents[2]
FILE = yaml.safe_load((ROOT / "compose.yaml").read_text())
APP = ("migrate", "web", "worker", "sandbox")
#: What the image or the other services fix; a value of `.env` must not reach the containers.
FIXED = {
    "MODE", "PORT", "WEB_BIND", "DATA_DIR", "STATIC_ROOT", "ENV_FILES", "DATABASE_URL",
    "CELERY_BROKER_URL", "CACHE_URL", "S3_BUCKET", "S3_ENDPOINT_URL", "S3_ADDRESSING_STYLE",
    "S3_ACCESS_KEY_ID", "SANDBOX_URL",
}  # fmt: skip


def settings_listed() -> set[str]:
    text = (ROOT / ".env.example").read_text()
    return set(re.findall(r"^# ([A-Z][A-Z0-9_]+)=", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", APP)
def test_every_setting_of_the_example_reaches_the_services(name):
    service = FILE["services"][name]

    assert service["env_file"] == [".env"]
    assert set(service["environment"]) <= settings_listed()


def test_what_the_image_decides_cannot_be_changed_from_outside():
    environment = FILE["services"]["web"]["environment"]

    outside = {name for name, value in environment.items() if f"{{{name}:" in str(value)}
    assert set(environment) - outside == FIXED
    for name, value in environment.items():
        if name in outside:
            assert re.fullmatch(rf"\$\{{{name}:[-?].*\}}", str(value)), name


def test_what_has_to_be_set_stops_the_start_when_it_is_not():
    text = (ROOT / "compose.yaml").read_text()

    for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "S3_SECRET_ACCESS_KEY"):
        assert f"${{{name}:?" in text


def test_a_worker_that_is_told_to_stop_waits_for_a_whole_paid_request():
    timing = Timing()

    assert DRAIN_SECONDS == timing.order + timing.submit + timing.drain + 5 == 125


def test_a_worker_gets_the_time_that_it_takes_to_end():
    told = FILE["services"]["worker"]["stop_grace_period"]

    assert int(told.removesuffix("s")) >= DRAIN_SECONDS + 10


def test_every_image_has_a_version():
    for name, service in FILE["services"].items():
        if name not in APP:
            version = service["image"].rpartition(":")[2]
            assert re.fullmatch(r"\d+(\.\d+)*", version), service["image"]
