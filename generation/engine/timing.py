"""How long the engine waits for what. Seconds throughout; tests pass shorter ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Every duration of the engine. A lease outlives the step it covers by `lease_margin`."""

    tick: float = 1.0
    # What the sweep looks for waited for many seconds already.
    sweep_every: float = 5.0
    engine_lease: float = 5.0
    prepare: float = 180.0
    # Putting the pictures of one order together, before anything is sent.
    order: float = 30.0
    submit: float = 80.0
    # One status check, whatever the client's own limits are.
    poll: float = 60.0
    # One picture, from its link to the storage; a job may have several.
    collect: float = 300.0
    lease_margin: float = 20.0
    # ASSUMED: nothing is said about how long an uploaded file can be used.
    file_key_age: float = 24 * HOUR
    # A job that the provider never took, or fell silent about, gives its credits back after a week.
    hold_age: float = 7 * 24 * HOUR
    unknown_age: float = 24 * HOUR
    # After the first "no such task" for one that runs; twice as long after the second.
    not_found: float = 10.0
    lost_probe: float = 600.0
    # 24 hours of answered probes; a provider that is down answers none and costs no job.
    lost_probes: int = 144
    # Before a task that failed for free by a passing cause is run again; twice as long each time.
    run_again: float = 5.0
    collect_age: float = 72 * HOUR
    prepare_tries: int = 12
    decode_tries: int = 3
    # A file of the provider's whose link is dead is fetched anew so often, about four minutes in all.
    link_tries: int = 8
    # Before results are fetched again; twice as long after every further round in a row.
    fetch_again: float = 2.0
    drain: float = 10.0
    # Chores: how often each looks whether something is due.
    mail_every: float = 2.0
    catalog_every: float = 5.0
    closings_every: float = 5.0
    balance_every: float = 600.0
    balance_doubt_every: float = 5.0
    presets_every: float = 5.0
    grants_every: float = 30.0
    books_every: float = 600.0
    provider_books_every: float = 600.0


def seconds(amount: float) -> timedelta:
    """A duration."""
    return timedelta(seconds=amount)


def back_off(failures: int, *, first: float, most: float, factor: int = 2) -> float:
    """Seconds before the next try: `factor` times as long with every failure in a row.

    From `first` to `most`, however many failures there were.
    """
    return float(min(most, first * factor ** min(max(failures, 0), 20)))


def poll_interval(age: float, floor: float) -> float:
    """Seconds until the next status check of a task of this age, never below the floor."""
    for until, interval in ((30, 1.0), (120, 2.0), (600, 5.0)):
        if age < until:
            return max(floor, interval)
    return max(floor, 15.0)


def first_poll(durations: Sequence[float], floor: float) -> float:
    """Seconds after the submit at which the first status check pays most.

    Where the provider wants long pauses, a check that comes too early costs a whole pause, so it is
    placed where nine of ten tasks have ended; elsewhere an early check costs nothing.
    """
    if not durations:
        return floor
    ordered = sorted(durations)
    share = 0.9 if floor >= 30 else 0.05
    return max(1.0, ordered[min(len(ordered) - 1, int(share * len(ordered)))])


def likely_duration(
    submitted_at: datetime, seen_running_at: datetime | None, ended_at: datetime
) -> float:
    """Seconds that a task probably took, given when it was last seen running and first seen ended.

    The middle of the two: taking the moment it was seen would make every first check later than
    the one before, since nothing is ever seen earlier than it is looked for.
    """
    last_seen = seen_running_at or submitted_at
    return ((last_seen - submitted_at) + (ended_at - submitted_at)).total_seconds() / 2
