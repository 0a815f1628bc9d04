"""Requests to an OpenAI-compatible endpoint, tried again where that can help. No text and no key reaches a message or a log."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from wellgate.errors import InputError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before a request is tried again; each wait is twice the one before, unless the endpoint names one."""
PASSING = (408, 409, 425, 429)
"""Statuses below 500 that may be gone the next time."""
WAYS_OUT = {
    400: "the endpoint refuses the request: see its log, and whether its context is long enough",
    401: "set the key that gate.backend.api_key_env names",
    403: "set the key that gate.backend.api_key_env names",
    404: "check gate.backend.url and the names of the models",
}


class Failed(Exception):
    """A request that got no answer. The message holds status and way out.

    Args:
        final: asking again cannot help.
        wait: seconds that the endpoint asks to wait.
    """

    def __init__(
        self, reason: str, final: bool = False, status: int | None = None, wait: float | None = None
    ) -> None:  # fmt: skip
        super().__init__(reason)
        self.final, self.status, self.wait = final, status, wait


@dataclass
class Endpoint:
    """Where requests go. Safe to use from many threads."""

    url: str
    key_name: str | None
    """The environment variable that holds the key."""
    timeout: float
    retries: int
    connections: int

    @cached_property
    def client(self) -> httpx.Client:
        import httpx

        limits = httpx.Limits(max_connections=self.connections, max_keepalive_connections=self.connections)
        return httpx.Client(headers=self._headers(), timeout=self.timeout, limits=limits)

    def _headers(self) -> dict[str, str]:
        if self.key_name is None:
            return {}
        key = os.environ.get(self.key_name, "").strip()
        if not key or not key.isascii() or not key.isprintable():
            raise InputError(f"gate.backend.api_key_env: {self.key_name} holds no key; export it and run again")
        return {"Authorization": f"Bearer {key}"}

    def post(self, path: str, body: dict[str, Any], read: Callable[[Any], T]) -> T:
        """What `read` makes of the JSON that comes back.

        Args:
            read: raises ValueError, LookupError, TypeError or AttributeError where the answer is none.

        Raises:
            Failed: after the last try, or at once where another cannot help.
        """
        for tries in range(self.retries):
            try:
                return self._once(path, body, read)
            except Failed as failed:
                if failed.final:
                    raise
                usual = min(FIRST_WAIT * 2 ** min(tries, 10), LONGEST_WAIT)
                time.sleep(usual if failed.wait is None else failed.wait)
        return self._once(path, body, read)

    def _once(self, path: str, body: dict[str, Any], read: Callable[[Any], T]) -> T:
        import httpx

        try:
            response = self.client.post(f"{self.url.rstrip('/')}/{path}", json=body)
        except httpx.TimeoutException:
            raise Failed("no answer in time: raise gate.backend.timeout, or lower its concurrency") from None
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise Failed(f"no connection ({type(error).__name__}): see whether the endpoint runs") from None
        if response.status_code != 200:
            raise _refused(response.status_code, _asked_to_wait(response.headers.get("retry-after")))
        try:
            return read(response.json())
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise Failed("status 200 with nonsense: see whether gate.backend.url is an OpenAI-compatible API") from None


def _refused(status: int, wait: float | None) -> Failed:
    if status in PASSING or (status >= 500 and status != 501):
        return Failed(
            f"status {status}: see the endpoint's log, or lower gate.backend.concurrency", False, status, wait
        )
    return Failed(f"status {status}: {WAYS_OUT.get(status, 'check gate.backend.url')}", True, status)


def _asked_to_wait(seconds: str | None) -> float | None:
    """Retry-After in seconds; its form as a date is rare, and the usual wait does for it."""
    return min(float(seconds), LONGEST_WAIT) if seconds and seconds.isdecimal() and seconds.isascii() else None
