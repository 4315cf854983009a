"""Unsafe or broken settings stop the start with one sentence and exit code 1."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAFE = {
    "ENV_FILES": "0",
    "SECRET_KEY": "k" * 25 + "0123456789" * 3,
    "BASE_URL": "https://diptych.example.com",
    "EMAIL_HOST": "mail.example.com",
    "SELLERPIC_API_KEY": "sp-0123456789",
}


def manage(*arguments, **environment):
    """Run manage.py with exactly this environment."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set."),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too short."),
        ({"SECRET_KEY": "", "SECRET_KEY_FILE": "/nowhere"}, "SECRET_KEY_FILE"),
        ({"DEBUG": "1"}, "DEBUG is on."),
        ({"BASE_URL": ""}, "BASE_URL is not set"),
        ({"BASE_URL": "http://diptych.example.com"}, "BASE_URL is not set to an https://"),
        ({"MODE": "demo"}, "MODE must be embedded or production"),
        ({"PORT": "many"}, '"PORT"'),
        ({"PORT": "70000"}, "PORT must lie between"),
        ({"UNKNOWN_OUTCOME_POLICY": "pray"}, "UNKNOWN_OUTCOME_POLICY must be"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT must be"),
        ({"DATABASE_URL": "sqlite:////tmp/x.sqlite3"}, "DATABASE_URL must begin with postgresql"),
        ({"DATABASE_URL": "mysql://u:secret@h/n"}, "DATABASE_URL must begin with postgresql"),
    ],
)
def test_one_sentence_says_what_is_wrong(changes, words):
    result = manage("check", **(SAFE | changes))

    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_wsgi_module_stops_with_the_sentence_as_well():
    result = subprocess.run(
        [sys.executable, "-c", "import config.wsgi"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENV_FILES": "0"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert result.returncode == 1
    assert result.stderr.startswith("SECRET_KEY is not set.")
    assert "Traceback" not in result.stderr


def test_production_passes_the_deployment_checks():
    both = SAFE | {"FASHN_API_KEY": "fa-0123456789"}
    result = manage("check", "--deploy", "--fail-level", "WARNING", **both)

    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


def test_a_secret_may_lie_in_a_file_and_an_empty_variable_counts_as_unset(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("f" * 64 + "\n")
    program = (
        "from config import settings as s; print(s.SECRET_KEY, s.PORT, s.SANDBOX, s.MODE, sep='|')"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            **SAFE,
            "SECRET_KEY": "",
            "SECRET_KEY_FILE": str(secret),
            "PORT": "",
            "SANDBOX": "",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert result.stdout == f"{'f' * 64}|8000|False|production\n", result.stderr


def test_production_sets_secure_cookies_and_never_the_sandbox():
    program = (
        "from config import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT,"
        " s.SECURE_HSTS_SECONDS > 0, s.SANDBOX, s.ALLOWED_HOSTS)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **SAFE},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert result.stdout == "True True True True False ['diptych.example.com']\n", result.stderr
