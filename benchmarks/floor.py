"""150 such jobs where SellerPic's tasks may be asked about once a minute, as its page wants.

Time runs as in `makespan`, so a minute is 6 s, about what a result takes.
The product knows the durations of sixteen earlier jobs; the script asks a minute after each submit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import makespan, stage
from benchmarks.figures import Figure
from catalog.storage import storage

JOBS = (94, 56)
LEARNT_FROM = (10, 6)


def run() -> Iterator[Figure]:
    """The product and the script once each."""
    team, photo = stage.make_studio()
    floors = {"sellerpic": 60.0 / makespan.SPEED, "fashn": 1.0 / makespan.SPEED}
    with (
        stage.sandbox(seconds=makespan.SECONDS, **makespan.PLACES) as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        picture = Path(folder) / "photo.jpg"
        storage().fetch(photo.key, picture)
        makespan.run_pair(url, team, photo, picture, floors, LEARNT_FROM)
        pair = makespan.run_pair(url, team, photo, picture, floors, JOBS)
    yield from makespan.compare("floor_60s", [pair], target=None)
