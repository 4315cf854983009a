"""The same 300 jobs where SellerPic's tasks may be asked about once a minute, as its page wants.

Time runs ten times as fast as in `makespan`, so a minute is 6 s, twice what a result takes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import makespan, stage
from benchmarks.figures import Figure
from catalog.storage import storage


def run() -> Iterator[Figure]:
    """The product and the script once each, after a round in which the product learns durations."""
    team, photo = stage.make_studio()
    floors = {"sellerpic": 60.0 / makespan.SPEED, "fashn": 1.0 / makespan.SPEED}
    with (
        stage.sandbox(seconds=makespan.SECONDS, **makespan.PLACES) as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        picture = Path(folder) / "photo.jpg"
        storage().fetch(photo.key, picture)
        ours = makespan.run_product(url, team, photo, floors)
        theirs = makespan.run_script(url, picture, floors)
    yield from makespan.compare("floor_60s", [ours.seconds], [theirs], target=None)
