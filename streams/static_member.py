"""Static membership of the worker's consumer: an id of its own, which its restarts keep and nobody else may have.

The broker gives an id that joins again its old partitions, without a rebalance, and from then on knows the member that
had the id before no longer. aiokafka would join again at once and take the id back: two workers of one id would throw each
other out for ever. Here the one that was thrown out stops and says why.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

from aiokafka.errors import UnknownMemberIdError

from bookmill.errors import RefusedError

__all__ = ["StaticMember"]


class StaticMember:
    """Watches what the group's coordinator answers to ``instance_id``, that of a ``part`` of this kind.

    A member that was silent for longer than its session has been forgotten by the broker, and joins again as ever.
    """

    def __init__(
        self,
        instance_id: str,
        session_timeout_s: float,
        *,
        part: str = "worker",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._part = part
        self._instance_id = instance_id
        self._session_timeout_s = session_timeout_s
        self._clock = clock
        self._heard_s = clock()
        self._told = False

    def watch(self, coordinator: Any, thrown_out: Callable[[RefusedError], None]) -> None:
        """Look at each answer before the library does: aiokafka's coordinator has one way for all its requests.

        ``thrown_out`` is called, once, from the consumer's thread. From then on heartbeats rest and everything else is refused.
        """
        send = coordinator._send_req

        async def watched(request: Any) -> Any:
            response = await send(request)
            try:
                self.heard(response)
            except RefusedError as error:
                if not self._told:
                    self._told = True
                    thrown_out(error)
                if hasattr(response, "error_code"):
                    await asyncio.Event().wait()  # whoever waits for it is cancelled when the consumer stops
                raise
            return response

        coordinator._send_req = watched

    def heard(self, response: Any) -> None:
        """Raises :class:`RefusedError` when another member has the id now."""
        codes = set(_error_codes(response))
        if UnknownMemberIdError.errno not in codes:
            self._heard_s = self._clock()
        elif self._clock() - self._heard_s < self._session_timeout_s:
            raise RefusedError(
                f"Another {self._part} has joined the group as {self._instance_id!r}, and this one is out of it.",
                hint=f"Give each {self._part} a BOOKMILL_{self._part.upper()}__INSTANCE_ID of its own.",
            )


def _error_codes(response: Any) -> Iterator[int]:
    """Of the answer as a whole, or of each partition of a commit."""
    code = getattr(response, "error_code", None)
    if code is not None:
        yield code
    for topic in getattr(response, "topics", None) or ():
        if len(topic) == 2:  # those of a commit; answers with other parts say nothing of the member
            for partition in topic[1]:
                if len(partition) == 2:
                    yield partition[1]
