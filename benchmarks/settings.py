"""Settings of a benchmark and of the processes that it starts: the tests', but as safe as in life.

BENCH carries, as JSON, what a run sets for its processes.
"""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASE_URL, DATABASES

if not DATABASE_URL:
    _sqlite = DATABASES["default"]
    # The tests do without it; what is measured here must reach the disk as it does in life.
    _sqlite["OPTIONS"]["init_command"] = _sqlite["OPTIONS"]["init_command"].replace(
        "synchronous=OFF", "synchronous=FULL"
    )
SANDBOX = True
TEAM_JOBS_UNFINISHED = 1_000_000
globals().update(json.loads(os.environ.get("BENCH", "{}")))
