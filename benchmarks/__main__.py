"""`python -m benchmarks [name …]`: run the benchmarks and print their figures."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys

import benchmarks

NOT_MEASURED = {"__main__", "figures"}


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; exit 1 when a target was missed."""
    known = {module.name for module in pkgutil.iter_modules(benchmarks.__path__)} - NOT_MEASURED
    unknown = set(names) - known
    if unknown:
        print(
            f"There is no benchmark {', '.join(sorted(unknown))}. Known: {', '.join(sorted(known))}."
        )
        return 2
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    missed = 0
    for name in names or sorted(known):
        print(
            f"== {name}: {(importlib.import_module(f'benchmarks.{name}').__doc__ or '').splitlines()[0]}"
        )
        for figure in importlib.import_module(f"benchmarks.{name}").run():
            print(f"  {figure}", flush=True)
            missed += not figure.is_met
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
