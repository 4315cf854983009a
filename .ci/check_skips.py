"""Fails when a test was skipped because something is missing that the run has installed.

Skips for want of private test data, or because a rule concerns the other database, are fine.
"""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET

#: Words in a reason that name something which `.ci/run` installs.
INSTALLED = re.compile(r"chromium|radosgw|ceph|postgres|redis|playwright|install", re.IGNORECASE)


def main(report: str, *may_miss: str) -> int:
    """Read pytest's report; `may_miss` are words of reasons that are fine this time."""
    wrong = []
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 (written by our own pytest)
        for skipped in case.iter("skipped"):
            reason = skipped.get("message", "")
            excused = any(word in reason for word in may_miss)
            if INSTALLED.search(reason) and not excused:
                wrong.append(f"{case.get('classname')}::{case.get('name')}: {reason}")
    for line in wrong:
        print(f"Skipped although it is installed: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
