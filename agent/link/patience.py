"""Patience: how long to wait for answers, and when nobody listens.  Pure; time is an argument."""

from __future__ import annotations

from agent.audio.pcm import PACKET_MS
from agent.link.ledger import Ledger

GRACE_S = 0.8  # after a final, before nothing more is expected
DOUBT_S = 2.0  # the same where a final may belong to an earlier sentence
UNKNOWN_S = 12.0  # how late a service may be that has not answered yet
MOST_LAG_S = 15.0  # an answer later than this may be the first to speech after noise
DEAF_MS = 3000  # so much speech without any answer …
DEAF_S = 15.0  # … for so long means that nobody listens, whatever the pings say


class Patience:
    """What is still expected of the service for what was said; ``timeout_s`` ends all waiting.

    With ``recorded`` speech nobody waits with a finger on a button: a service that lags is
    waited for in proportion to how late its answers have been.
    """

    def __init__(self, timeout_s: float, *, recorded: bool = False) -> None:
        self._timeout, self._recorded = timeout_s, recorded
        self._asked_at: float | None = None  # when the first speech since the last answer left
        self._lag = UNKNOWN_S  # the longest time from there to the answer
        self._answered = False
        self.awaiting = False  #: whether answers to what was said are still awaited
        self._played_at: float | None = None  # when the last take was sent to its end
        self._answer_at = 0.0
        self._said = 0  # packets of speech sent since anything was answered
        self._suspected = False  # a service that never answers is not dropped again and again

    def begin(self) -> None:
        """Somebody speaks."""
        self._played_at, self.awaiting = None, True

    def connected(self, now: float) -> None:
        """A new connection: what was not answered is said again."""
        self._answer_at = now
        self._said, self._asked_at = 0, None
        self._played_at = None

    def said(self, now: float) -> None:
        """A packet of speech has left."""
        self._said += 1
        if self._asked_at is None:
            self._asked_at = now

    def answered(self, now: float) -> None:
        """Anything at all came back."""
        self._measure(now)
        self._answer_at = now
        self._said, self._suspected = 0, False

    def over(self) -> None:
        """Nothing more is expected."""
        self._played_at, self.awaiting = None, False

    def verdict(self, ledger: Ledger, now: float) -> bool | None:
        """Whether all that was said, and sent to its end, is answered; None: in vain."""
        if self._played_at is None:
            self._played_at = now
        since = max(self._played_at, self._answer_at)
        if ledger.answered:
            grace = GRACE_S if ledger.certain else DOUBT_S
            silent = ledger.nothing_said and not (self._recorded and self._answered)
            if silent or now >= since + self._patient(grace):
                return True
        elif ledger.likely and now >= since + self._patient(DOUBT_S):
            return True
        return None if now >= since + self._patient(self._timeout) else False

    def _patient(self, usual: float) -> float:
        """How long to wait: an answer of a service that lags may be to an earlier sentence."""
        return max(usual, 1.5 * self._lag + 1.0) if self._recorded else usual

    def _measure(self, now: float) -> None:
        if self._asked_at is None:
            return
        lag, self._asked_at = min(now - self._asked_at, MOST_LAG_S), None
        self._lag = max(self._lag, lag) if self._answered else lag
        self._answered = True

    def deaf(self, now: float) -> bool:
        """Whether speech goes out and nothing at all comes back; told once for each spell."""
        if self._suspected or now - self._answer_at < DEAF_S:
            return False
        self._suspected = self._said * PACKET_MS >= DEAF_MS
        return self._suspected
