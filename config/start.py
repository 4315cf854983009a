"""Loads the settings, or ends the process with one sentence that says what is wrong with them."""

from __future__ import annotations

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from environs import EnvError

from config.data_dir import SETTINGS_FILE, CannotStart, prepare, prepare_empty
from config.env import data_dir, env


def load_settings() -> None:
    """Read config/settings. Exits with code 1 and a sentence on stderr when it refuses."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        settings.INSTALLED_APPS  # noqa: B018 (the first access loads them)
    except (ImproperlyConfigured, EnvError) as error:
        sys.exit(str(error))


def prepare_to_serve() -> None:
    """Make the data folder ready before the settings, which read the file written there.

    Exits with code 1 and a sentence when this machine or folder does not allow it.
    """
    folder = data_dir()
    try:
        if (mode := env.str("MODE", "embedded")) != "embedded":
            raise CannotStart(
                "`manage.py serve` runs the one-machine installation, and MODE is "
                f"{mode}; run `manage.py web` and `manage.py worker` instead."
            )
        prepare(folder)
    except CannotStart as error:
        sys.exit(str(error))


def prepare_to_restore() -> None:
    """Make a data folder where there is none: on a new machine a backup is all that there is.

    Does nothing where the folder, or a secret in the environment, is there already.
    """
    folder = data_dir()
    if env.str("MODE", "embedded") != "embedded" or env.str("SECRET_KEY", ""):
        return
    if (folder / SETTINGS_FILE).exists():
        return
    try:
        prepare_empty(folder)
    except CannotStart as error:
        sys.exit(str(error))
