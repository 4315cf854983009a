"""The child's side of `catalog.limited`: limits itself, does one picture task, answers in JSON.

Run as a file, `python -I images_child.py`, with the task on standard input. Nothing of Django and
no secret is in this process.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any


def limit_process(*, memory: int, seconds: int, file_bytes: int) -> None:
    """Cap address space, processor time, wall clock, written files and cores of this process."""
    for what, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(what, (value, value))
        except (OSError, ValueError):
            # macOS refuses RLIMIT_AS. Pixel limit and time-outs still hold there.
            continue
    # Ends this process even where its parent was killed before it could.
    signal.alarm(seconds)


def run(task: dict[str, Any]) -> Any:
    """Do the task and return what JSON can hold. Raises NotAPicture."""
    from catalog import images  # After the limits: the libraries load inside them.

    arguments = task["arguments"]
    if task["call"] == "inspect_picture":
        return asdict(images.inspect_picture(Path(arguments.pop("path")), **arguments))
    source = Path(arguments.pop("source"))
    if task["call"] == "fit_picture":
        return asdict(images.fit_picture(source, Path(arguments.pop("to")), **arguments))
    targets = [(Path(to), side) for to, side in arguments.pop("targets")]
    return [asdict(made) for made in images.make_renditions(source, targets, **arguments)]


def main() -> None:
    """Read one task, print one answer: `{"done": …}` or `{"refused": {"template", "values"}}`."""
    task = json.load(sys.stdin)
    limit_process(**task["limits"])
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from catalog.images import NotAPicture

    try:
        answer = {"done": run(task)}
    except NotAPicture as refusal:
        answer = {"refused": {"template": refusal.template, "values": refusal.values}}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
