"""Reads the environment for the settings: strict about nonsense, able to take a secret from a file."""

import os
from pathlib import Path
from typing import Any, ClassVar

from environs import EnvError, FileAwareEnv

from config.data_dir import SETTINGS_FILE, running_file

BASE_DIR = Path(__file__).resolve().parent.parent


class _Environment(FileAwareEnv):
    """Reads ``NAME`` or, for secrets kept in files, ``NAME_FILE``; an empty value counts as unset.

    Compose files hand on variables that are not set as empty text. What is known for a fact wins
    over everything, then come the process's variables, then the files read first.
    """

    facts: ClassVar[dict[str, str]] = {}

    def _get_value(self, env_key: str, default: Any) -> Any:
        if env_key in self.facts:
            return self.facts[env_key]
        try:
            value = super()._get_value(env_key, default)
        except ValueError as error:
            raise EnvError(str(error)) from error
        return self._environ.get(env_key) or default if value == "" else value


#: Raises EnvError naming the variable.
env = _Environment(strip_whitespace=True)


def read_env_files() -> None:
    """Load ``.env`` of the checkout, then ``settings.env`` of the data folder.

    The data folder's file is written by the first ``manage.py serve``, so that every other command
    run beside it finds the same mode and secret. ``ENV_FILES=0`` switches all of it off (the test
    suite does).
    """
    folder = data_dir()
    if os.environ.get("ENV_FILES", "1") == "0":
        return
    env.read_env(folder / SETTINGS_FILE, recurse=False)
    if running := running_file(folder):
        # Whatever PORT this shell has, the installation beside us listens where it listens.
        pairs = (line.partition("=") for line in running.read_text().splitlines())
        env.facts.update({name: value for name, _, value in pairs})


def data_dir() -> Path:
    """The data folder, as the environment and ``.env`` name it."""
    if os.environ.get("ENV_FILES", "1") != "0":
        env.read_env(BASE_DIR / ".env", recurse=False)
    return Path(env.str("DATA_DIR", "") or BASE_DIR / "var").resolve()
