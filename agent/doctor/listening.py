"""Opens the microphone and the speaker as the daemon would, listens, and plays a tone."""

from __future__ import annotations

from agent import assembly
from agent.audio import device
from agent.audio.device import Microphone, Speaker
from agent.audio.mixer import has_capture_volume
from agent.audio.pcm import packet_bytes, scale
from agent.clock import Clock
from agent.config.schema import Audio
from agent.doctor import sound
from agent.doctor.check import Check, failed
from agent.errors import DragomanError, EndOfAudio, Overrun

LISTEN_S = 2.0
SETTLE_S = 0.2  # cards begin with zeros or a pop
BEFORE_S = 0.4
TONE_S = 0.8
AFTER_S = 0.3  # the tone comes through two buffers


def microphone(audio: Audio, clock: Clock) -> Check:
    """Listen for two seconds; the verdict on what was heard."""
    if audio.capture.device == "stdin":
        return Check("microphone", "skip", "stdin is no microphone")
    ears = assembly.microphone(audio, clock)
    try:
        ears.open()
        if ears.realtime:
            record(ears, audio.rate, SETTLE_S)
        heard = record(ears, audio.rate, LISTEN_S)
    except DragomanError as error:
        return failed("microphone", error)
    finally:
        ears.close()
    mixer = has_capture_volume(audio.capture.device) if ears.realtime else None
    return sound.microphone(sound.measure(heard, audio.rate), audio.capture.gain_db, mixer)


def speaker(audio: Audio, clock: Clock) -> Check:
    """Play a tone; where the microphone is a card, see whether it hears it."""
    name = audio.playback.device
    if name is None or name == "null" or name.startswith(device.FILE):
        return Check("speaker", "skip", f"{name or 'null'} is no loudspeaker")
    mouth = assembly.speaker(audio, clock)
    ears = assembly.microphone(audio, clock)
    try:
        mouth.open()
        if not ears.realtime:
            _play(mouth, audio)
            return Check("speaker", "pass", "played a tone; there is no microphone to hear it")
        return _heard(mouth, ears, audio)
    except DragomanError as error:
        return failed("speaker", error)
    finally:
        ears.close()
        mouth.close()


def _heard(mouth: Speaker, ears: Microphone, audio: Audio) -> Check:
    try:
        ears.open()
    except DragomanError:  # the microphone has a line of its own
        _play(mouth, audio)
        return Check("speaker", "warn", "played a tone, but no microphone could listen")
    record(ears, audio.rate, SETTLE_S)
    before = record(ears, audio.rate, BEFORE_S)
    during = _play(mouth, audio, ears) + record(ears, audio.rate, AFTER_S)
    rate = audio.rate
    return sound.speaker(sound.tone_levels(before, rate), sound.tone_levels(during, rate))


def _play(mouth: Speaker, audio: Audio, ears: Microphone | None = None) -> bytes:
    """The tone at the configured volume; what the microphone heard meanwhile."""
    tone = scale(sound.tone(audio.rate, TONE_S), audio.playback.volume)
    size, heard = packet_bytes(audio.rate), bytearray()
    for at in range(0, len(tone), size):
        mouth.write(tone[at : at + size])
        if ears is not None:
            heard += record(ears, audio.rate, 0.04)
    mouth.drain()
    return bytes(heard)


def record(ears: Microphone, rate: int, seconds: float) -> bytes:
    """That much sound, or less where a file ends."""
    wanted, heard = round(rate * seconds) * 2, bytearray()
    while len(heard) < wanted:
        try:
            heard += ears.read()
        except Overrun:
            continue
        except EndOfAudio:
            break
    return bytes(heard)
