"""Measurements of Diptych. `make bench` runs all of them, `make bench ARGS=broker` one.

Each module of `MEASURED` has `run()`, which prints what it did and yields figures; the others are
what they are made of. They run in a folder of their own, never on an installation's data.
"""

MEASURED = (
    "broker",
    "ledger",
    "ledger_check",
    "credit_pages",
    "latency",
    "makespan",
    "floor",
    "in_flight",
)
"""In the order in which they run."""
