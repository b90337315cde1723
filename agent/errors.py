"""Every error dragoman raises on purpose, in one tree.

::

    DragomanError
    ├── UsageError            wrong command line or configuration (exit code 2)
    │   └── ConfigError       every mistake of a configuration at once
    ├── RunError              failed at run time (exit code 1)
    │   ├── DeviceError       microphone or speaker: missing, busy, unplugged   (retryable)
    │   │   └── Overrun       capture was read too late; samples are gone       (retryable)
    │   ├── LinkError         the connection: cannot be made, lost, silent      (retryable)
    │   ├── Refused           the service said no, with its own code            (per instance)
    │   └── WorkerDied        a thread of the daemon ended by an exception
    └── EndOfAudio            a file or pipe microphone has no more samples
        └── Damaged           and not because that was all: the rest cannot be read

``str(error)`` is one line a user can act on; it never holds a secret.  Foreign
exceptions (``OSError``, ``alsaaudio.ALSAAudioError``, ``websockets`` …) are
translated at the one adapter that can raise them and go no further.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class DragomanError(Exception):
    """Base of all errors raised on purpose."""

    exit_code: ClassVar[int] = 1
    retryable: bool = False


class UsageError(DragomanError):
    """The command line or a file the user wrote is wrong."""

    exit_code: ClassVar[int] = 2


class ConfigError(UsageError):
    """A configuration with mistakes; ``problems`` holds one finished line for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class RunError(DragomanError):
    """Something failed while running."""


class DeviceError(RunError):
    """A sound device cannot be opened or has gone away."""

    retryable = True


class Overrun(DeviceError):
    """Samples were lost because they were not read in time; reading can go on."""


class LinkError(RunError):
    """The connection to a service could not be made, was lost or fell silent.

    ``kind`` is a short stable word for counters and events (``dns``, ``tls``,
    ``portal``, ``refused``, ``reset``, ``closed``, ``silent`` …); ``retry_after_s`` what the
    other side asked to wait, None where it did not.
    """

    retryable = True

    def __init__(
        self, message: str, kind: str = "lost", *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after_s = retry_after_s


class Refused(RunError):
    """The service answered with an error; ``code`` is the service's own.

    ``about`` and ``retry_after_s`` are those of :class:`agent.events.Failure`.
    """

    def __init__(
        self,
        message: str,
        code: str = "",
        *,
        retryable: bool = False,
        about: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.about = about
        self.retry_after_s = retry_after_s


class WorkerDied(RunError):
    """A worker thread ended by an exception it did not expect."""


class EndOfAudio(DragomanError):
    """The microphone is a file or a pipe and has no more samples."""


class Damaged(EndOfAudio):
    """The rest of the file cannot be read; the message names it and says why."""
