"""`python -m benchmarks [name …]`: run the benchmarks and print their figures."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time

from benchmarks import MEASURED


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; exit 1 when a target was missed."""
    if unknown := set(names) - set(MEASURED):
        print(f"There is no benchmark {', '.join(sorted(unknown))}. Known: {', '.join(MEASURED)}.")
        return 2
    # As by Ctrl-C, so that whatever was started is ended.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(143))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    import django

    django.setup()
    missed = 0
    for name in names or MEASURED:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"== {name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        began = time.monotonic()
        for figure in module.run():
            print(f"  {figure}", flush=True)
            missed += not figure.is_met
        print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
