"""The main job, end to end, on a fresh clone: `make run`, the whole flow in Chromium, stop.

The flow is that of `walk.py`; then a job runs from the shell, everything stops by Ctrl-C, no process
may be left over, and the second start has to be quick.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from installation import Installation, installation
from walk import JOB_SECONDS, is_picture, walk

ROOT = Path(__file__).resolve().parent.parent
#: Pictures for tests; a drawn one stands in where they are absent.
SHARED_DATA = Path(os.environ.get("SHARED_DATA_DIR") or ROOT.parent / "shared/data")
PHOTO = SHARED_DATA / "models/m01-man-hat-seated-fullbody.webp"
FIRST_START_SECONDS, NEXT_START_SECONDS = 90, 8


def main() -> int:
    """Run the flow; any failure ends it with a traceback and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=Path, help="folder for the HTML of each page")
    parser.add_argument("--shots", type=Path, help="folder for a screenshot of each page")
    parser.add_argument("--source", type=Path, default=ROOT, help="repository to clone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="diptych-smoke-") as folder:
        checkout = Path(folder, "diptych")
        subprocess.run(
            [
                "git",
                "-c",
                "safe.directory=*",
                "clone",
                "--quiet",
                "--no-hardlinks",
                str(options.source),
                str(checkout),
            ],
            check=True,
        )
        photo = PHOTO if PHOTO.exists() else drawn_photo(Path(folder, "drawn.png"))
        print(f"Photo: {photo.name}")
        with installation(checkout) as first:
            first.wait_until_ready()
            print(f"First start: {first.ready_seconds:.1f} s, packages included.")
            told = re.search(r"Diptych is ready \(([\d.]+) s\)", first.output())
            assert told, first.output()
            assert float(told[1]) < FIRST_START_SECONDS, f"Ready after {told[1]} s."
            print(f"First start without the packages: {told[1]} s.")
            walk(first, photo, options.pages, options.shots)
            run_job(first, photo, Path(folder, "results"))
        with installation(checkout) as second:
            second.wait_until_ready()
            print(f"Second start: {second.ready_seconds:.1f} s.")
            assert second.ready_seconds < NEXT_START_SECONDS, "The second start took too long."
    print("The main job works.")
    return 0


def run_job(running: Installation, photo: Path, out: Path) -> None:
    """The same main job from the shell, beside the running installation."""
    result = subprocess.run(
        [
            str(running.checkout / ".venv/bin/python"),
            "manage.py",
            "run_job",
            "--team",
            "demo",
            "--operation",
            "swap_model",
            "--image",
            str(photo),
            "--out",
            str(out),
            "--json",
        ],
        cwd=running.checkout,
        env=running.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=JOB_SECONDS * 2,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    told: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    assert told["state"] == "succeeded", told
    assert told["credits_charged"] == 4, told
    assert len(told["outputs"]) == 2, told
    assert all(is_picture(Path(path)) for path in told["outputs"]), told
    print("  run_job")


def drawn_photo(path: Path) -> Path:
    """A person as a drawing, for machines without the test photos."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (1200, 1600), "#d8d2c8")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((420, 620, 780, 1250), fill="#3f5f7f")
    draw.rectangle((450, 1250, 580, 1580), fill="#2f2f38")
    draw.rectangle((620, 1250, 750, 1580), fill="#2f2f38")
    draw.ellipse((500, 300, 700, 560), fill="#c99a78")
    draw.rectangle((560, 540, 640, 640), fill="#c99a78")
    picture.save(path)
    return path


if __name__ == "__main__":
    sys.exit(main())
