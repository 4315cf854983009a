"""Reads the environment for settings.py: strict about nonsense, able to take a secret from a file."""

import os
from pathlib import Path

from environs import FileAwareEnv

BASE_DIR = Path(__file__).resolve().parent.parent

#: ``NAME`` or, for secrets kept in files, ``NAME_FILE``. Raises EnvError naming the variable.
env = FileAwareEnv()


def read_env_files() -> None:
    """Load ``.env`` of the checkout, then ``settings.env`` of the data folder.

    Variables that are already set always win. The data folder's file is written by the first
    ``manage.py serve``, so that every other command run beside it finds the same mode and secret.
    ``ENV_FILES=0`` switches both off (the test suite does).
    """
    if os.environ.get("ENV_FILES", "1") == "0":
        return
    env.read_env(BASE_DIR / ".env", recurse=False)
    data_dir = Path(os.environ.get("DATA_DIR") or BASE_DIR / "var")
    env.read_env(data_dir / "settings.env", recurse=False)
