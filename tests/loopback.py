"""Tests stay on this machine: what refuses every connection that leaves it.

It watches the Python of this process. Libraries that connect from compiled code, and processes that a test starts, it
does not see.
"""

from __future__ import annotations

import ipaddress
from typing import Any


class NoNetwork(RuntimeError):
    """A test tried to leave this machine."""


def is_here(address: Any) -> bool:
    """Whether a socket address stays on this machine: loopback, or no internet address at all.

    ("127.0.0.1", 80) -> True, ("192.0.2.1", 80) -> False, ("localhost", 80) -> True
    """
    if not isinstance(address, tuple):
        return True
    host = address[0].decode() if isinstance(address[0], bytes) else str(address[0])
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in ("", "localhost")


def refuse_to_leave(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: it sees every connection that Python makes, whichever library asks."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[-1]
        if not is_here(address):
            raise NoNetwork(f"a test tried to reach {address}: tests stay on loopback addresses")
