"""Settings of a worker process that a test starts: the test's own database, files and sandbox."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

_given = json.loads(os.environ["ENGINE_TEST"])
DATABASES["default"]["NAME"] = _given["database"]
SANDBOX = True
SANDBOX_URL = _given["sandbox_url"]
SELLERPIC_MIN_POLL_SECONDS = 0.2
FASHN_MIN_POLL_SECONDS = 0.2
SELLERPIC_SLOTS = _given["slots"]
