"""The microphone and the speaker of a sound card, by ALSA."""

from __future__ import annotations

from typing import Literal

from agent.audio.card import Card, load
from agent.audio.convert import Converter, Spreader
from agent.audio.pace import Governor, Playout
from agent.audio.pcm import PACKET_MS, SAMPLE_BYTES
from agent.clock import Clock
from agent.errors import DeviceError, Overrun

# A period of capture is a packet, so each costs one wake-up.
CAPTURE_PERIOD_MS, CAPTURE_BUFFER_MS = PACKET_MS, 6 * PACKET_MS
# The speaker is filled by the clock: some PCMs have a buffer of a second whatever is asked for, and
# what dmix (`default` where there is no sound server) has mixed it plays, also after a drop: with
# the period being written 100 ms at most from a barge-in to silence.
PLAYBACK_PERIOD_MS, PLAYBACK_BUFFER_MS = 20, 80
PLAYBACK_PERIOD_S, AHEAD_S = PLAYBACK_PERIOD_MS / 1000, PLAYBACK_BUFFER_MS / 1000
STALL_S = 1.0
START_S = 3.0  # a sound server may have to wake a sleeping card first
SPIN_S = 0.005
BARREN = 8  # so many overruns or underruns in a row without a frame: its server has died
DRAIN_SLACK_S = 0.1  # ALSA's dmix never says that it has drained


class AlsaMicrophone:
    """Captures from ALSA ``device``; see :class:`~agent.audio.device.Microphone`."""

    realtime = True

    def __init__(
        self,
        device: str,
        *,
        rate: int,
        channels: int = 1,
        channel: int | Literal["mix"] = "mix",
        clock: Clock,
    ) -> None:
        load()
        self.description = device
        self._device, self._rate, self._clock = device, rate, clock
        self._channel = channel
        self._channels = channels if channel == "mix" else max(channels, channel + 1)
        self._card: Card | None = None

    def open(self) -> None:
        """Open the card; DeviceError when it is missing, busy, forbidden or unsuitable."""
        self.close()
        periods = (CAPTURE_PERIOD_MS, CAPTURE_BUFFER_MS)
        card = Card(self._device, "microphone", self._rate, self._channels, *periods)
        try:
            self._converter = self._converter_for(card)
        except DeviceError:
            card.close()
            raise
        self._card = card
        self._running, self._patience, self._last = False, START_S, self._clock.now()
        self._governor = Governor(self._rate, card.shape.buffer_s, self._clock)
        self._barren = 0
        self.description = f"{self._device} {card.shape} -> {self._rate} Hz mono"

    def read(self) -> bytes:
        """See :meth:`Microphone.read`.

        DeviceError also when nothing came for a second, or nothing but overruns.
        """
        card = self._card
        if card is None:
            raise DeviceError(f"microphone {self._device} is not open")
        try:
            data = self._next(card)
        except Overrun:
            self._converter = self._converter_for(card)
            self._running, self._last = False, self._clock.now()
            self._fruitless()
            raise
        if data:
            self._patience, self._barren = STALL_S, 0
            self._last = self._clock.now()
        elif self._clock.now() - self._last > self._patience:
            raise DeviceError(
                f"microphone {self._device} delivers nothing; unplug it and plug it in again"
            )
        sound = self._converter.feed(data)
        self._governor.heard(len(sound) // SAMPLE_BYTES)
        return sound

    def close(self) -> None:
        """Give the card back; idempotent."""
        card, self._card = self._card, None
        if card:
            card.close()

    def _fruitless(self) -> None:
        self._barren += 1
        if self._barren > BARREN:
            raise DeviceError(
                f"microphone {self._device} gives overruns and no sound; its sound server has"
                " gone, opening it again mends it"
            )
        if self._barren > 1:
            self._clock.sleep(SPIN_S)

    def _next(self, card: Card) -> bytes:
        # Reading comes before waiting, since it starts a stream that is only prepared.  But not
        # after a read that gave something: many cards move on by few frames at a time, and a
        # period begun is not whole at the next wake-up, so its end would be heard one later.
        if not self._running and (data := card.read()):
            self._running = True
            return data
        woken = card.wait()
        data = card.read()
        if not data:
            self._running = False
            if woken:
                self._clock.sleep(SPIN_S)  # some plugins wake us for nothing, again and again
        return data

    def _converter_for(self, card: Card) -> Converter:
        shape = card.shape
        try:
            return Converter(
                shape.rate, shape.channels, shape.sample_format, self._rate, self._channel
            )
        except ValueError as error:
            raise DeviceError(
                f"microphone {self._device}: {error}; mend audio.capture.channel"
            ) from error


class AlsaSpeaker:
    """Plays on ALSA ``device``; see :class:`~agent.audio.device.Speaker`."""

    def __init__(self, device: str, *, rate: int, clock: Clock) -> None:
        load()
        self.description = device
        self._device, self._rate, self._clock = device, rate, clock
        self._playout = Playout(clock)
        self._card: Card | None = None
        self._early = 0  # underruns in a row though there was sound left, by the clock

    @property
    def delay(self) -> float:
        """Seconds of sound still in the card's buffer, by the clock."""
        return self._playout.delay

    def open(self) -> None:
        """Open the card; DeviceError when it is missing, busy, forbidden or unsuitable."""
        self.close()
        periods = (PLAYBACK_PERIOD_MS, PLAYBACK_BUFFER_MS)
        card = Card(self._device, "speaker", self._rate, 1, *periods)
        self._card, self._playout = card, Playout(self._clock, card.shape.buffer_s)
        self._early = 0
        self._renew_spreader(card)
        self.description = f"{self._device} {self._rate} Hz mono -> {card.shape}"

    def write(self, pcm: bytes) -> int:
        """See :meth:`Speaker.write`; DeviceError also when the card takes nothing for 3 s."""
        return self._push(self._opened(), self._spreader.feed(pcm))

    def check(self) -> None:
        """DeviceError when the card was unplugged while it was silent."""
        if self._card is not None and self._card.gone:
            raise DeviceError(f"{self._device} was unplugged")

    def drain(self) -> None:
        """Play out what the card holds, at most 100 ms longer than it should take."""
        card = self._opened()
        if not self._playout.running:
            return
        self._push(card, self._spreader.flush())
        limit = self._clock.now() + self.delay + DRAIN_SLACK_S
        if not card.drain():
            while card.draining and self._clock.now() < limit:
                self._clock.sleep(SPIN_S)
        self._stop(card)

    def drop(self) -> None:
        """Silence at once; what is in the card is thrown away."""
        self._stop(self._opened())

    def close(self) -> None:
        """Give the card back without playing out; idempotent."""
        card, self._card = self._card, None
        self._playout.stop()
        if card:
            card.close()

    def _opened(self) -> Card:
        if self._card is None:
            raise DeviceError(f"speaker {self._device} is not open")
        return self._card

    def _stop(self, card: Card) -> None:
        self._playout.stop()
        self._renew_spreader(card)
        card.drop()

    def _renew_spreader(self, card: Card) -> None:
        shape = card.shape
        self._spreader = Spreader(self._rate, shape.rate, shape.channels, shape.sample_format)

    def _push(self, card: Card, frames: bytes) -> int:
        """Write all of ``frames``, never more than 80 ms ahead of what is heard."""
        size = round(card.shape.rate * PLAYBACK_PERIOD_S) * card.shape.frame_bytes
        underruns = 0
        for at in range(0, len(frames), size):
            portion = memoryview(frames)[at : at + size]
            seconds = len(portion) / card.shape.frame_bytes / card.shape.rate
            self._clock.sleep(self.delay + seconds - AHEAD_S)
            underruns |= self._portion(card, portion)
            self._playout.add(seconds)
        return underruns

    def _portion(self, card: Card, frames: memoryview) -> int:
        """Write all of a period, however little the card takes at a time."""
        left, underruns = frames, 0
        last = self._clock.now()
        while left:
            taken = card.write(left)
            if taken > 0:
                left, last = left[taken * card.shape.frame_bytes :], self._clock.now()
            elif self._clock.now() - last > START_S:
                raise DeviceError(
                    f"speaker {self._device} takes no sound; unplug it and plug it in again"
                )
            if taken < 0:
                self._underrun(underruns)
                underruns += 1
            elif left and card.wait() and not taken:
                self._clock.sleep(SPIN_S)
        if not underruns:
            self._early = 0
        return min(underruns, 1)

    def _underrun(self, before: int) -> None:
        """One that comes though sound is left, or again at once, is a server that has died."""
        self._early += bool(before or self.delay)
        self._playout.dry()
        if self._early > BARREN:
            raise DeviceError(
                f"speaker {self._device} underruns without end; its sound server has gone,"
                " opening it again mends it"
            )
        if before:
            self._clock.sleep(SPIN_S)
