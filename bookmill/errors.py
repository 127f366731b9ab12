"""What can go wrong, as one tree; the command line turns each into one sentence and exit status 1.

::

    BookmillError
    ├── ConfigurationError      settings, options or symbols that cannot be used
    ├── UnavailableError        another side does not answer now            (retryable)
    ├── RefusedError            another side answers no; asking again is no use
    ├── RecordingError          a recording that cannot be read
    ├── FrameError              one frame that cannot be read: its dead letter, nobody else's
    └── PlatformError           the embedded platform cannot be brought up
        ├── PortInUseError      a configured port is taken
        ├── NoSpaceError        the disk is full
        └── ChecksumError       a download is not what the lock file says

Foreign exceptions are translated at the edge where they are met, with their cause attached. Whether trying again can
help is said by the class (``retryable``), never guessed from a text.
"""

from __future__ import annotations

__all__ = [
    "BookmillError",
    "ChecksumError",
    "ConfigurationError",
    "FrameError",
    "NoSpaceError",
    "PlatformError",
    "PortInUseError",
    "RecordingError",
    "RefusedError",
    "UnavailableError",
]


class BookmillError(Exception):
    """A failure that its reader can act on.

    ``message`` says what is wrong and where, ``hint`` what to do about it; both are plain sentences.
    """

    retryable = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class ConfigurationError(BookmillError):
    """Settings, options or symbols that cannot be used."""


class UnavailableError(BookmillError):
    """Another side does not answer now; it may later."""

    retryable = True


class RefusedError(BookmillError):
    """Another side answers no; asking again is no use."""


class RecordingError(BookmillError):
    """A recording that cannot be read."""


class FrameError(BookmillError):
    """One frame that cannot be read. It becomes a dead letter; the next frame is processed."""


class PlatformError(BookmillError):
    """The embedded platform cannot be brought up."""


class PortInUseError(PlatformError):
    """A configured port is taken by another program."""


class NoSpaceError(PlatformError):
    """There is no space left for data."""


class ChecksumError(PlatformError):
    """A download is not what the lock file says."""
