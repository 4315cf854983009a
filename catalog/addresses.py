"""Whether the internet can reach an address: providers fetch pictures from such ones alone."""

from __future__ import annotations

import ipaddress
import socket
import time
from functools import lru_cache
from urllib.parse import urlsplit

#: For so long an answer of the resolver is believed, also that there is none. Seconds.
_BELIEVED = 300


def is_public(address: str) -> bool:
    """Whether an address leads by https to hosts of the internet alone.

    Asks the resolver once in five minutes. A private network, this machine and a name that is
    known in the house only are not public, nor is what somebody answers there from outside.
    """
    parts = urlsplit(address)
    if parts.scheme != "https" or not parts.hostname:
        return False
    return _is_global(parts.hostname, int(time.monotonic()) // _BELIEVED)


@lru_cache(maxsize=16)
def _is_global(host: str, _period: int) -> bool:
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # No such name, or no name at all.
        return False
    addresses = {ipaddress.ip_address(str(told[4][0])) for told in found}
    return bool(addresses) and all(address.is_global for address in addresses)
