"""The child's side of `catalog.limited`: limits itself, does one task, answers in JSON.

Run as a file, `python -I images_child.py`, with the task on standard input. Nothing of Django and
no secret is in this process.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

#: Everything that can be asked of this process, and where it is done.
_MODULES = {
    "inspect_picture": "catalog.images",
    "fit_picture": "catalog.images",
    "make_renditions": "catalog.images",
    "inspect_mask": "catalog.masks",
    "fit_mask": "catalog.masks",
    "inspect_video": "catalog.videos",
    "make_poster_renditions": "catalog.videos",
}


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
    # After the limits: the libraries load inside them, and PyAV only where there is a video.
    module = import_module(_MODULES[task["call"]])
    done = getattr(module, task["call"])(**_arguments(task["arguments"]))
    if isinstance(done, list):
        return [asdict(made) for made in done]
    return asdict(done) if done is not None else None


def _arguments(told: dict[str, Any]) -> dict[str, Any]:
    """Give the arguments back the types that JSON has not."""
    given: dict[str, Any] = {
        name: Path(told.pop(name)) for name in ("path", "source", "to") if name in told
    }
    if "targets" in told:
        given["targets"] = [(Path(to), side) for to, side in told.pop("targets")]
    if "size" in told:
        given["size"] = tuple(told.pop("size"))
    return given | told


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
