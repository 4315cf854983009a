"""The child that decodes is capped in memory and time, knows no secret, and never takes us down."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from catalog import images_child, limited
from catalog.limited import DecoderFailed, NotAPicture

LIMITS = {"max_bytes": 50 * 2**20, "max_pixels": 60_000_000}


def test_gives_what_the_plain_function_gives(draw: Callable[..., Path]) -> None:
    from catalog import images

    path = draw()

    assert limited.inspect_picture(path, **LIMITS) == images.inspect_picture(path, **LIMITS)


def test_a_child_costs_less_than_150_milliseconds(draw: Callable[..., Path]) -> None:
    """Of processor time, which other work on the machine does not stretch."""
    path = draw(size=(64, 64))
    limited.inspect_picture(path, **LIMITS)  # Warms the disk.

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(5):
        limited.inspect_picture(path, **LIMITS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used / 5 < 0.15


def test_a_picture_too_large_for_the_memory_is_refused(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Image.new("RGB", (7000, 7000)).save(tmp_path / "large.png")
    settings.IMAGE_MEMORY_BYTES = 160 * 2**20

    with pytest.raises(NotAPicture, match="needs more memory"):
        limited.inspect_picture(tmp_path / "large.png", **LIMITS)

    settings.IMAGE_MEMORY_BYTES = 1024 * 2**20
    assert limited.inspect_picture(tmp_path / "large.png", **LIMITS).width == 7000


def test_a_child_that_cannot_even_start_is_a_failed_decoder(
    settings: Any, draw: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    settings.IMAGE_MEMORY_BYTES = 20 * 2**20

    with pytest.raises(DecoderFailed) as failed:
        limited.inspect_picture(draw(), **LIMITS)

    assert failed.value.sentence.startswith("This picture is too much for this server.")
    assert "The picture child failed at inspect_picture" in caplog.text


def test_a_child_over_its_time_is_ended(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.IMAGE_SECONDS = 1
    Image.effect_noise((3500, 3500), 90).save(tmp_path / "slow.png", compress_level=1)
    began = time.monotonic()

    with pytest.raises(DecoderFailed):
        limited.fit_picture(tmp_path / "slow.png", tmp_path / "to", max_side=3500, max_bytes=5_000)

    assert time.monotonic() - began < 6
    assert not (tmp_path / "to").exists()


def test_the_child_sees_no_variable_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    run = subprocess.run

    def spy(arguments: list[str], **options: Any) -> Any:
        seen.update(options["env"])
        return run([sys.executable, "-I", "-c", "import os; print(dict(os.environ))"], **options)

    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setattr(subprocess, "run", spy)
    with pytest.raises(json.JSONDecodeError):  # It printed its environment instead of an answer.
        limited.inspect_picture(Path("none"), **LIMITS)

    assert seen == {"LC_ALL": "C.UTF-8"}


def test_the_limits_hold_inside_the_child() -> None:
    program = (
        "import sys, resource; sys.path.insert(0, sys.argv[1])\n"
        "from images_child import limit_process\n"
        "limit_process(memory=300 << 20, seconds=7, file_bytes=1000)\n"
        "print([resource.getrlimit(n)[0] for n in (resource.RLIMIT_AS, resource.RLIMIT_CPU,\n"
        "       resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)])\n"
    )
    folder = str(Path(images_child.__file__).parent)
    child = subprocess.run(
        [sys.executable, "-I", "-c", program, folder], capture_output=True, check=True
    )

    memory, seconds, file_bytes, core = json.loads(child.stdout)
    assert (seconds, file_bytes, core) == (7, 1000, 0)
    if sys.platform == "linux":  # macOS refuses to cap the address space.
        assert memory == 300 << 20
