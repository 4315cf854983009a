"""Loads the settings, or ends the process with one sentence that says what is wrong with them."""

from __future__ import annotations

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from environs import EnvError

from config.data_dir import CannotStart, prepare
from config.env import data_dir, env


def load_settings() -> None:
    """Read config/settings.py. Exits with code 1 and a sentence on stderr when it refuses."""
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
