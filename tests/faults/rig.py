"""One device between a scripted microphone, a bad network, an emulator and a broker."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from agent.audio.pcm import PACKET_MS
from agent.clock import Clock, SystemClock
from agent.config import loader
from agent.emulator import Emulator
from agent.emulator.engines.script import Script
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.faults import Fault
from agent.emulator.journal import Connection
from tests.faults import measure
from tests.faults.device import Device
from tests.faults.measure import Outcome
from tests.faults.proxy import Proxy
from tests.faults.speech import Speech, Word, packets
from tests.system.broker import Broker, Observer, wait_until
from tests.system.device import Running, write_config

BASE = "dragoman/kitchen-1"
TONES = Script(hear="tones")
DEMO = {
    "token": "demo", "secret_id": "demo", "secret_key": "demo",
    "endpoint": "demo", "access_key": "demo", "app_id": "1000001",
}  # fmt: skip
END_S = 60.0  # for the last result, after everything was said
DOUBT = 2000 // PACKET_MS  # packets a service without times may have answered, or not
TIMES_MS = 1000  # off, at most, where the service gives no times
REPORTS_S = 10.0  # for the last final to reach the subscriber


class Rig:
    """Started by ``with``; say something, do harm, `finish`, look at the `Outcome`.

    ``host`` is the name the device knows the service by, ``sections`` go into its
    configuration, ``plan`` is the emulator's fault plan.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        plan: tuple[Fault, ...] = (),
        clock: Clock | None = None,
        **sections: Any,
    ) -> None:
        self.clock = clock or SystemClock()
        self.folder = folder
        self.notes: list[str] = []  #: what is not as expected
        self.excused: set[int] = set()  #: words that must be missing
        self.excused_packets = 0
        self.speeches: list[Speech] = []
        self.recover_s: float | None = None
        self.late_s: float | None = None
        self.notice_s: float | None = None
        self._host, self._plan, self._sections = host, plan, sections
        self._stack = ExitStack()
        self._struck_at = 0.0
        self._known = 0

    def __enter__(self) -> Rig:
        with ExitStack() as stack:
            self.broker = Broker(self.folder / "broker")
            self.broker.start()
            stack.callback(self.broker.stop)
            self.observer = Observer(self.broker)
            stack.callback(self.observer.close)
            self.emulators = [stack.enter_context(emulator(self._plan))]
            stack.callback(lambda: self.emulators[-1].close())
            self.proxy = stack.enter_context(Proxy(port(self.emulators[0])))
            self.device = Device(loader.load(str(self._config())), self.clock)
            self.running = Running(self.device).start()
            stack.callback(self._stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _config(self) -> Path:
        mqtt = {"host": "127.0.0.1", "port": self.broker.port, "discovery": None}
        sections: dict[str, Any] = {
            "service": DEMO | {"tts": False},
            "network": {"ping_interval_s": 1.0},
            "mqtt": mqtt,
        }
        for name, values in self._sections.items():
            sections[name] = sections.get(name, {}) | values
        return write_config(self.folder, f"http://{self._host}:{self.proxy.port}", **sections)

    def _stop(self) -> None:
        self.device.stop("the fault is over")
        self.running.finish()

    # --- what happens ------------------------------------------------------------------------

    def say(self, speech: Speech) -> Speech:
        """Let the microphone hear ``speech`` from now on (after what it was given before)."""
        self.device.microphone.feed(speech.pcm)
        self.speeches.append(speech)
        return speech

    def until(self, ms: int) -> None:
        """Wait until this much has been said."""
        wait_until(lambda: self.device.microphone.said_ms >= ms, f"{ms} ms to be said", 120)

    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def strike(self) -> None:
        """The harm comes now: the time to `noticed` counts from here."""
        self._struck_at = self.clock.now()
        self._known = len(self.connections)

    def noticed(self, kind: str, within_s: float = 15.0) -> None:
        """Wait until the device says that it lost the service in this way."""
        begun = self._struck_at

        def lost() -> list[float]:
            outages = self.device.heard_of("outage")
            return [at for at, n in outages if at >= begun and n.detail["kind"] == kind]

        wait_until(lost, f"an outage of kind {kind}", within_s)
        self.notice_s = max(self.notice_s or 0.0, lost()[0] - begun)

    def recovers(self, *, anew: bool = True, within_s: float = 40.0) -> None:
        """All is mended: wait for audio on a connection newer than the `strike` (or on any)."""
        begun, heard = self.clock.now(), self.audio_ms

        def back() -> bool:
            if anew:
                return any(c.audio_ms > 0 for c in self.connections[self._known :])
            return self.audio_ms > heard

        allowed = max(begun, self.device.retry_at)
        wait_until(back, "audio at the service", within_s)
        self.recover_s = max(self.recover_s or 0.0, self.clock.now() - begun)
        self.late_s = max(self.late_s or 0.0, self.clock.now() - allowed)

    def restart_service(self, away_s: float) -> None:
        """The service goes down with all connections and comes back as another process would."""
        self.proxy.refuse()
        self.proxy.cut()
        self.emulators[-1].close()
        self.wait(away_s)
        new = emulator(())
        self.emulators.append(new.__enter__())
        self.proxy.target = port(new)
        self.proxy.accept()

    def command(self, text: str) -> None:
        """Send an MQTT command."""
        self.observer.publish(f"{BASE}/command", text.encode())

    # --- what came of it ---------------------------------------------------------------------

    @property
    def connections(self) -> list[Connection]:
        return [c for emulator in self.emulators for c in emulator.connections]

    @property
    def audio_ms(self) -> float:
        return sum(connection.audio_ms for connection in self.connections)

    @property
    def finals(self) -> list[dict[str, Any]]:
        return self.observer.objects(f"{BASE}/transcript")

    @property
    def words(self) -> list[Word]:
        return [word for speech in self.speeches for word in speech.words]

    def finish(self, seconds: float = END_S) -> None:
        """Nothing more is said: wait for the device to end by itself, and for its reports."""
        self.device.microphone.end()
        left = sum(speech.ms for speech in self.speeches) - self.device.microphone.said_ms
        code = self.running.finish(left / 1000 + seconds)
        if code:
            self.notes.append(f"exit code {code}: {self.running.error}")
        self.settle_reports()

    def settle_reports(self) -> None:
        """Wait for the subscriber to have every final; what it has not by then is lost."""
        deadline = self.clock.now() + REPORTS_S
        while self._missing() and self.clock.now() < deadline:
            self.wait(0.05)

    def _missing(self) -> set[str]:
        finals = {f"{t.session}-{t.index}" for t in self.device.finals}
        return finals - {final["id"] for final in self.finals}

    def arrived(self) -> set[bytes]:
        """Every packet the service got, on any connection or in any request."""
        sounds = [c.audio for c in self.connections]
        sounds += [e.audio for emulator in self.emulators for e in emulator.exchanges]
        return {packet for sound in sounds for packet in packets(sound)}

    def excuse_missed(self) -> None:
        """Of the speech the microphone did not hear, or heard half of, nothing need come."""
        for start, end in self.device.microphone.missed:
            self.excused |= {w.number for w in self.words if w.start_ms < end and start < w.end_ms}

    def excuse_overwritten(self) -> None:
        """What memory could not hold, if `lost_audio` told of all of it.

        That is what never arrived, and what arrived but was not answered before it was gone.
        """
        arrived, captured = self.arrived(), self.device.captured
        self.excused = set(measure.lost_words(self.words, self.finals))
        lost = {at for at, packet in enumerate(captured) if packet not in arrived}
        self.excused_packets = sum(captured[at] in self.device.voiced for at in lost)
        for word in self.words:
            if word.number in self.excused:
                lost |= set(range(word.start_ms // PACKET_MS, word.end_ms // PACKET_MS))
        told = sum(n.detail["packets"] for _, n in self.device.heard_of("lost_audio"))
        if not len(lost) <= told <= len(lost) + DOUBT:
            self.notes.append(f"{len(lost)} packets lost, {told} reported as lost_audio")

    def check_times(self) -> None:
        """Each final must lie where its words were said (one speech, said from the start)."""
        said = {word.number: word.start_ms for word in self.words}
        for final in self.finals:
            begin, at = said[measure.words_of(final)[0]], (final["start_ms"], final["end_ms"])
            if abs(at[0] - begin) > TIMES_MS or at[1] < at[0]:
                self.notes.append(f"said at {begin} ms, published as {at[0]}–{at[1]} ms")

    def outcome(self) -> Outcome:
        """The run in figures."""
        finals, device = measure.unique(self.finals), self.device
        arrived = self.arrived()
        return Outcome(
            words=len(self.words),
            lost_words=measure.lost_words(self.words, finals),
            lost_packets=sum(packet not in arrived for packet in device.voiced),
            reported_ms=sum(int(n.detail["duration_ms"]) for _, n in device.heard_of("lost_audio")),
            finals=len(finals),
            finals_lost=len(self._missing()),
            duplicates=measure.duplicates(finals),
            resent=len(self.finals) - len(finals),
            replayed=sum(bool(final["replayed"]) for final in finals),
            burst=max(map(measure.burst, device.sends), default=None),
            connections=len(self.connections),
            recover_s=self.recover_s,
            late_s=self.late_s,
            notice_s=self.notice_s,
            excused=self.excused,
            excused_packets=self.excused_packets,
            notes=self.notes,
        )


def emulator(plan: tuple[Fault, ...]) -> Emulator:
    return Emulator(engine=ScriptedEngine(TONES), faults=plan)


def port(emulator: Emulator) -> int:
    return int(emulator.url.rsplit(":", 1)[1])
