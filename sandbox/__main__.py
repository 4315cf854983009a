"""`python -m sandbox`: serve the emulated providers, by default from a folder that goes at the end."""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import tempfile
from pathlib import Path

from sandbox.faults import read_file
from sandbox.server import run


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--speed", type=float, default=1.0, help="2 makes pictures twice as fast")
    parser.add_argument("--seed", type=int, default=0, help="for durations and rates of faults")
    parser.add_argument("--faults", type=Path, help="TOML file of [[fault]] tables to plan")
    parser.add_argument("--data", help="folder for uploads, tasks and pictures that is kept")
    parser.add_argument("--balance", type=int, default=1000, help="credits of a new account")
    parser.add_argument(
        "--plain-pictures", action="store_true", help="tinted copies instead of drawings"
    )
    options = parser.parse_args(arguments)
    if options.speed <= 0:
        parser.error("--speed must be more than 0.")
    if options.balance < 0:
        parser.error("--balance must be 0 or more.")
    try:
        faults = read_file(options.faults) if options.faults else []
    except ValueError as exc:
        parser.error(str(exc))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")

    def announce(url: str) -> None:
        logging.getLogger("sandbox").info("The sandbox is ready at %s", url)

    with contextlib.ExitStack() as stack:
        folder = options.data or stack.enter_context(
            # A drawing in hand at the end may still write while the folder goes.
            tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True)
        )
        try:
            run(
                options.host,
                options.port,
                folder,
                options.speed,
                announce,
                options.balance,
                seed=options.seed,
                faults=faults,
                plain=options.plain_pictures,
            )
        except OSError as exc:
            print(f"The sandbox cannot start: {exc.strerror or exc}.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
