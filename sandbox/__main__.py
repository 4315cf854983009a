"""`python -m sandbox`: serve the emulated providers from a data folder."""

from __future__ import annotations

import argparse
import logging
import sys

from sandbox.server import run


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--data", required=True, help="folder for uploads, tasks and pictures")
    parser.add_argument("--speed", type=float, default=1.0, help="2 makes pictures twice as fast")
    parser.add_argument("--balance", type=int, default=1000, help="credits of a new account")
    options = parser.parse_args(arguments)
    if options.speed <= 0:
        parser.error("--speed must be more than 0.")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")

    def announce(url: str) -> None:
        logging.getLogger("sandbox").info("The sandbox is ready at %s", url)

    try:
        run(options.host, options.port, options.data, options.speed, announce, options.balance)
    except OSError as exc:
        print(f"The sandbox cannot start: {exc.strerror or exc}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
