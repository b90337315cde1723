"""Time for devices that have no crystal of their own: files, pipes and the null speaker."""

from __future__ import annotations

from agent.clock import Clock


class Pace:
    """Lets samples through at ``rate`` a second, on absolute deadlines.

    The n-th sample since the first call is due ``n / rate`` seconds after it, so
    that late wake-ups never add up to drift.
    """

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._start: float | None = None
        self._samples = 0

    def wait(self, samples: int) -> None:
        """Wait until ``samples`` more could have been spoken."""
        if self._start is None:
            self._start = self._clock.now()
        self._samples += samples
        self._clock.sleep(self._start + self._samples / self._rate - self._clock.now())


class Playout:
    """What a speaker still has to play, by the clock alone.

    ``limit_s`` is the size of the device's buffer: it cannot hold more, whatever
    the difference between its clock and ours says.
    """

    def __init__(self, clock: Clock, limit_s: float | None = None) -> None:
        self._clock, self._limit = clock, limit_s
        self._until: float | None = None

    @property
    def running(self) -> bool:
        """True from the first sound until :meth:`stop`."""
        return self._until is not None

    @property
    def delay(self) -> float:
        """Seconds of sound not yet played."""
        return 0.0 if self._until is None else max(0.0, self._until - self._clock.now())

    def add(self, seconds: float) -> bool:
        """Queue ``seconds`` of sound; true when there was a gap before it (an underrun)."""
        before = self.delay
        underrun = self.running and before == 0.0
        queued = before + seconds
        self._until = self._clock.now() + min(queued, self._limit or queued)
        return underrun

    def dry(self) -> None:
        """The device says that it has played all it had."""
        if self._until is not None:
            self._until = min(self._until, self._clock.now())

    def stop(self) -> None:
        """Nothing is left to play, and silence from here on is no underrun."""
        self._until = None
