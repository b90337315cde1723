"""Time for devices that have no crystal of their own: files, pipes and the null speaker."""

from __future__ import annotations

from agent.clock import Clock

SLACK_S = 0.5  # more than any delay between a source and us that is not in its buffer


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


class Governor:
    """Holds a source back that gives sound faster than real time, as ALSA's ``null`` does.

    What comes in a hurry may be what waited in its buffer of ``buffer_s`` while nobody
    read.  More than that is measured over windows of twice as long: where one came in less
    than half its time the next is let through by the clock, and so on while that has to wait.
    """

    def __init__(self, rate: int, buffer_s: float, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._most = buffer_s + SLACK_S  # seconds of sound that may come at once
        self._window = int(2 * self._most * rate)  # samples
        self._begin(clock.now(), hold=False)

    def heard(self, samples: int) -> None:
        """So many were read; waits where they came too early."""
        self._left -= samples
        if self._hold:
            self._wait()
        if self._left <= 0:
            now = self._clock.now()
            self._begin(now, self._waited > self._most or now - self._start < self._most)

    def _begin(self, now: float, hold: bool) -> None:
        self._left, self._start, self._hold = self._window, now, hold
        self._waited = 0.0

    def _wait(self) -> None:
        due = self._start + (self._window - self._left) / self._rate
        early = due - self._clock.now()
        if early > 0:
            self._clock.sleep(early)
            self._waited += early


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
