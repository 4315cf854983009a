"""Measurements of Diptych. `make bench` runs all of them, `make bench ARGS=broker` one.

Each module has `run()`, which prints what it did and yields figures. They run in a folder of their
own with the settings of the tests, never on an installation's data.
"""
