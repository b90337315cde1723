"""Outages of services that take uploads: whole utterances, and chunks."""

from __future__ import annotations

from typing import Any

from tests.faults.case import Catalogue
from tests.faults.rig import DEMO, Rig
from tests.faults.speech import Speech

clouds = Catalogue()


def service(name: str, target: str | None) -> dict[str, Any]:
    return {"service": DEMO | {"name": name, "target": target, "tts": False}}


def _outage(rig: Rig, seconds: float, sentences: int) -> None:
    """No network in the middle of the second sentence, for a while."""
    speech = rig.say(Speech(sentences))
    rig.until(speech.ends[1] - 300)
    rig.proxy.refuse()
    rig.proxy.cut()
    rig.wait(seconds)
    rig.proxy.accept()


@clouds.fault(
    "uploads: no network for 6 s (spool)", "all uploaded", **service("maas-fast-asr", None)
)
def uploads(rig: Rig) -> None:
    _outage(rig, 6, 6)


@clouds.fault(
    "uploads: answers are lost for 4 s", "uploaded again", **service("maas-fast-asr", None)
)
def answers_lost(rig: Rig) -> None:
    speech = rig.say(Speech(5))
    rig.until(speech.ends[1])
    rig.proxy.stall("down")
    rig.wait(2)
    rig.proxy.cut()
    rig.wait(2)
    rig.proxy.resume()


@clouds.fault("chunks: torn in mid-sentence", "sent again", **service("tencent-tsi", "zh"))
def chunks_torn(rig: Rig) -> None:
    _outage(rig, 0, 4)


@clouds.fault("chunks: no network for 6 s", "sent again", **service("tencent-tsi", "zh"))
def chunks(rig: Rig) -> None:
    _outage(rig, 6, 6)
