#!/usr/bin/env python
"""Django's command line for Diptych."""

import sys


def main() -> None:
    """Run one management command."""
    if sys.version_info < (3, 11):  # noqa: UP036 (for whoever starts it with an older one)
        sys.exit("Diptych needs Python 3.11 or newer.")
    from config.start import load_settings, prepare_to_restore, prepare_to_serve

    if not {"-h", "--help"} & set(sys.argv):
        if sys.argv[1:2] == ["serve"]:
            prepare_to_serve()
        elif sys.argv[1:2] == ["restore"]:
            prepare_to_restore()
    load_settings()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
