"""The loop of speaker and microphone, where the speaker is to be taken out of the sound."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent import assembly
from agent.audio.device import Microphone, Speaker
from agent.audio.pcm import PACKET_MS, packet_bytes, scale
from agent.clock import Clock
from agent.config.schema import Audio
from agent.doctor.check import Check, failed
from agent.doctor.listening import SETTLE_S, record
from agent.errors import DragomanError

if TYPE_CHECKING:
    from agent.ears.loop import Loop
    from agent.ears.reference import Reference

GOOD_DB, POOR_DB = 15.0, 8.0  # of a noise; speech is taken out better
HIGH_DBFS = -12.0  # an echo so loud leaves no room for a person beside it
AHEAD = 2  # packets the speaker is kept filled with
MENDS = "turn the speaker down (audio.playback.volume), or move it away from the microphone"


def echo(audio: Audio, clock: Clock) -> Check:
    """Play a noise for three seconds; how late and loud it comes back, and how well it is
    cancelled."""
    try:
        from agent.ears.reference import Reference
    except ImportError:
        mend = "pip install 'dragoman[ears]'"
        return Check("echo", "fail", "audio.echo: cancel needs pywebrtc-audio", mend)
    reference = Reference(audio.rate)
    ears = assembly.microphone(audio, clock)
    if not ears.realtime or not assembly.is_card(audio.playback.device):
        return Check("echo", "skip", "no echo without a speaker and a microphone")
    mouth = assembly.speaker(audio, clock)
    try:
        mouth.open()
        ears.open()
        return verdict(_measured(mouth, ears, reference, audio, clock))
    except DragomanError as error:
        return failed("echo", error)
    finally:
        ears.close()
        mouth.close()


def verdict(loop: Loop) -> Check:
    """What the numbers of the loop mean."""
    if loop.delay_s is None:
        mend = "with headphones set audio.echo: off; else see the check speaker"
        return Check("echo", "warn", "the microphone does not hear the speaker", mend)
    loss = loop.echo - loop.left
    text = f"{loop.delay_s * 1000:.0f} ms late at {loop.echo:.0f} dBFS"
    text += f", {loss:.0f} dB of it taken out, {loop.left:.0f} dBFS left"
    if loss < POOR_DB:
        return Check("echo", "fail", text, f"it would hear itself: {MENDS}; audio.echo: guard")
    if loss < GOOD_DB or loop.echo > HIGH_DBFS:
        return Check("echo", "warn", text, MENDS)
    return Check("echo", "pass", text)


def _measured(
    mouth: Speaker, ears: Microphone, reference: Reference, audio: Audio, clock: Clock
) -> Loop:
    """The loop, with sound at the configured volume, as the canceller would meet it."""
    from agent.ears.devices import ReferencedSpeaker, samples
    from agent.ears.loop import measure, signal
    from agent.ears.reference import LEAD_S

    noted, size = ReferencedSpeaker(mouth, reference, audio.rate, clock), packet_bytes(audio.rate)
    near, far = bytearray(), bytearray()

    def listen(seconds: float) -> None:
        heard = record(ears, audio.rate, seconds)
        reference.captured(len(heard) // 2, clock.now())
        near.extend(heard)
        far.extend(reference.read(len(heard) // 2).tobytes())

    listen(SETTLE_S)
    sound = scale(signal(audio.rate).tobytes(), audio.playback.volume)
    for number, at in enumerate(range(0, len(sound), size)):
        noted.write(sound[at : at + size])
        if number >= AHEAD:
            listen(PACKET_MS / 1000)
    mouth.drop()
    loop = measure(samples(bytes(near)), samples(bytes(far)), audio.rate)
    if loop.delay_s is None:
        return loop
    return replace(loop, delay_s=max(0.0, loop.delay_s - LEAD_S))
