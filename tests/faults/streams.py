"""Faults of the network and of a streaming service.

Where no time is named the service is back at once.  After longer outages the next attempt
first waits out the backoff, which is not counted against the second it has.
"""

from __future__ import annotations

from typing import Any

from tests.faults.case import Catalogue
from tests.faults.rig import Rig
from tests.faults.speech import Speech

streams = Catalogue()

AUDIO_BYTES_PER_S = 1288 * 25 + 100  # packets with their frames, and the pings
PATIENT: dict[str, Any] = {"network": {"ping_interval_s": 2.0}}


@streams.fault("connection reset in mid-sentence", "sent again within 1 s")
def torn(rig: Rig) -> None:
    speech = rig.say(Speech(3))
    rig.until(speech.ends[1] - 300)
    rig.strike()
    rig.proxy.cut()
    rig.recovers()


@streams.fault("reset between a sentence and its final", "sent again within 1 s")
def torn_before_final(rig: Rig) -> None:
    speech = rig.say(Speech(3))
    rig.until(speech.ends[1] + 250)
    rig.strike()
    rig.proxy.cut()
    rig.recovers()


@streams.fault("reset every 0.7 s, eight times", "sent again after the backoff")
def torn_often(rig: Rig) -> None:
    rig.say(Speech(4))
    rig.until(1500)
    for _ in range(8):
        rig.strike()
        rig.proxy.cut()
        rig.wait(0.7)
    rig.recovers()


@streams.fault("service restarts, away for 5 s", "sent again after the backoff")
def restart(rig: Rig) -> None:
    speech = rig.say(Speech(6))
    rig.until(speech.ends[1] - 300)
    rig.strike()
    rig.restart_service(5)
    rig.recovers()


@streams.fault("connections refused for 20 s", "sent again after the backoff")
def refused(rig: Rig) -> None:
    speech = rig.say(Speech(8))
    rig.until(speech.ends[1] - 300)
    rig.strike()
    rig.proxy.refuse()
    rig.proxy.cut()
    rig.wait(20)
    rig.proxy.accept()
    rig.recovers()


@streams.fault(
    "blackhole for 5 s, TCP stays open (ping every 1 s)",
    "noticed within 2.5 s; back when the dead handshake (10 s) is given up",
    notice_s=2.5,
    recover_s=10,
)
def blackhole(rig: Rig) -> None:
    speech = rig.say(Speech(5))
    rig.until(speech.ends[1] - 300)
    rig.strike()
    rig.proxy.blackhole()
    rig.noticed("silent")
    rig.wait(5 - (rig.notice_s or 0))
    rig.proxy.restore()
    rig.recovers()


@streams.fault("TCP window full for 3 s (ping every 2 s)", "the same connection", **PATIENT)
def stalled(rig: Rig) -> None:
    speech = rig.say(Speech(5))
    rig.until(speech.ends[1] - 300)
    rig.strike()
    rig.proxy.stall()
    rig.wait(3)
    rig.proxy.resume()
    rig.recovers(anew=False)
    if len(rig.connections) != 1:
        rig.notes.append("the connection was given up")


@streams.fault(
    "TCP window full for 6 s (ping every 1 s)",
    "noticed within 2.5 s, sent again within 1 s",
    notice_s=2.5,
)
def stalled_long(rig: Rig) -> None:
    speech = rig.say(Speech(5))
    rig.until(speech.ends[1] - 300)
    rig.strike()
    rig.proxy.stall()
    rig.noticed("silent")
    rig.wait(6 - (rig.notice_s or 0))
    rig.proxy.resume()
    rig.recovers()


@streams.fault("the service closes its half only", "sent again within 1 s")
def half_close(rig: Rig) -> None:
    speech = rig.say(Speech(3))
    rig.until(speech.ends[1] - 300)
    rig.strike()
    rig.proxy.half_close()
    rig.recovers()


@streams.fault("latency of 800 ms each way, then torn", "nothing lost", recover_s=4)
def latency(rig: Rig) -> None:
    rig.proxy.delay(800)
    speech = rig.say(Speech(4))
    rig.until(speech.ends[1] + 250)
    rig.strike()
    rig.proxy.cut()
    rig.recovers()


@streams.fault("throttled to 5 % over the audio's rate", "the same connection")
def throttle_above(rig: Rig) -> None:
    rig.proxy.throttle(AUDIO_BYTES_PER_S * 1.05)
    rig.say(Speech(5))
    rig.finish()
    if len(rig.connections) != 1:
        rig.notes.append("the connection was given up")


@streams.fault("throttled to 5 % under the audio's rate for 10 s", "nothing lost")
def throttle_below(rig: Rig) -> None:
    rig.proxy.throttle(AUDIO_BYTES_PER_S * 0.95)
    rig.say(Speech(6))
    rig.until(10_000)
    rig.proxy.calm()


@streams.fault("throttled to half the audio's rate for 6 s, then free", "nothing lost")
def throttle_half(rig: Rig) -> None:
    speech = rig.say(Speech(6))
    rig.until(speech.ends[0])
    rig.proxy.throttle(AUDIO_BYTES_PER_S * 0.5)
    rig.wait(6)
    rig.proxy.calm()


@streams.fault("every write split into single bytes", "the same connection")
def split(rig: Rig) -> None:
    rig.proxy.split(1)
    rig.say(Speech(3))
    rig.finish()
    if len(rig.connections) != 1:
        rig.notes.append("the connection was given up")


@streams.fault("what is sent within 240 ms arrives together", "the same connection")
def coalesce(rig: Rig) -> None:
    rig.proxy.coalesce(240)
    rig.say(Speech(3))
    rig.finish()
    if len(rig.connections) != 1:
        rig.notes.append("the connection was given up")


@streams.fault(
    "no network for 10 s with a memory of 5 s",
    "lost is what memory could not hold; `lost_audio` tells of all of it",
    reason="memory_s is 5: the oldest speech of a longer outage is overwritten",
    network={"memory_s": 5},
)
def forgotten(rig: Rig) -> None:
    rig.device.patience_s = 0.5  # the outage is to last for 10 s, not for a backoff more
    speech = rig.say(Speech(13, pause_ms=600))  # pauses too short to be left out: all is sent
    rig.until(speech.ends[1] - 300)
    rig.strike()
    rig.proxy.refuse()
    rig.proxy.cut()
    rig.wait(10)
    rig.proxy.accept()
    rig.recovers()
    rig.finish(90)
    rig.excuse_overwritten()
    rig.check_times()
