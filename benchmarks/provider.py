"""The sandbox as a process of its own for the benchmarks: plain pictures, no rates.

Run as `python -m benchmarks.provider`; its argument is JSON. Prints its address, ends with stdin.
"""

from __future__ import annotations

import json
import sys
import tempfile
from typing import Any

from sandbox.app import create_app
from sandbox.server import serve_in_thread

# The rates are per wall-clock window; a run that is ten times as fast would meet them ten times as
# early. What is measured is how well the places are used.
RATES = {"run": 1_000_000, "status": 1_000_000, "credits": 1_000_000}


def main(told: dict[str, Any]) -> None:
    """Serve until stdin is closed: `seconds` (least, most) for a result, and places of both."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-sandbox-", ignore_cleanup_errors=True) as folder,
        create_app(
            folder,
            seconds=tuple(told["seconds"]),
            balance=10_000_000,
            limits={"sellerpic": told["sellerpic"], "fashn": {"all": told["fashn"], **RATES}},
            plain=True,
        ) as app,
        serve_in_thread(app) as server,
    ):
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
