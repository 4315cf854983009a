"""Settings of the processes that the chaos test kills: the test's own, with a web server to call."""

import json
import os

from tests.engine.settings import *  # noqa: F403

_given = json.loads(os.environ["ENGINE_TEST"])
PORT = _given["web_port"]
WEBHOOK_BASE_URL = f"http://127.0.0.1:{PORT}"
WEB_WORKERS, WEB_THREADS = 1, 4
FASHN_SLOTS = _given["fashn_slots"]
# Every engine of the test is killed sooner or later, so no job may be sent again unasked.
UNKNOWN_OUTCOME_POLICY = "ask"
