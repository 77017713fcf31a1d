"""Whether a hub can be reached: asked once and briefly, so that being offline is said at once."""

from __future__ import annotations

import socket
from threading import Thread
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

__all__ = ["is_reachable"]

PATIENCE = 3.0  # seconds


def is_reachable(url: str) -> bool:
    """Say whether the host of an address, or the proxy on the way to it, takes a connection."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    answers: list[bool] = []

    def ask() -> None:
        place = (parts.hostname or "", parts.port or {"http": 80}.get(parts.scheme, 443))
        try:
            socket.create_connection(place, timeout=PATIENCE).close()
        except OSError:
            return
        answers.append(True)

    thread = Thread(target=ask, daemon=True)  # the look-up of a name heeds no timeout
    thread.start()
    thread.join(PATIENCE)
    return bool(answers)
