"""The one failure that ends a gateway: something in the background that should never happen."""

from __future__ import annotations

import structlog

__all__ = ["Failure"]

_log = structlog.get_logger(__name__)


class Failure:
    """``error``: what it was; None while all is well. The process ends with its first one and is started anew."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def note(self, error: BaseException) -> None:
        """Something in the background ended with this."""
        if self.error is None:
            self.error = error
            _log.error("the gateway cannot go on", exc_info=error)
