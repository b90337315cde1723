"""The telemetry in the names and base units of Prometheus; read anew at every scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)

from agent import __version__
from agent.report.homeassistant import STATES

Values = Mapping[str, int | float]


@dataclass(frozen=True, slots=True)
class Entry:
    """How a number of the telemetry is exported: ``value / per`` as ``dragoman_<name>``."""

    name: str
    help: str
    per: int = 1


MS = 1000  # in a second

COUNTERS: Mapping[str, Entry] = {
    "packets_captured": Entry("packets_captured", "Packets of 40 ms the microphone gave."),
    "packets_sent": Entry("packets_sent", "Packets of 40 ms sent to the service."),
    "bytes_sent": Entry("sent_bytes", "Audio sent to the service."),
    "reconnects": Entry("reconnects", "Connections to the service made again after a loss."),
    "lost_packets": Entry("lost_packets", "Packets of speech that memory could not hold."),
    "overruns": Entry("overruns", "Times the microphone was read too late and samples were lost."),
    "underruns": Entry("underruns", "Times the speaker ran out of speech in mid-sentence."),
    "speech_bytes_dropped": Entry(
        "dropped_speech_bytes", "Synthesised speech that did not fit into the jitter buffer."
    ),
    "finals": Entry("finals", "Finished sentences."),
    "wake_words": Entry("wake_words", "Times the device was called by its name."),
    "garbage": Entry("garbage_messages", "Messages of the service nobody can make sense of."),
    "fallbacks": Entry("fallbacks", "Times a service that was lost was left for the next."),
    "clips_sent": Entry("clips_sent", "Recordings uploaded and answered."),
    "silent_clips": Entry("silent_clips", "Recordings of nothing but background, not uploaded."),
}

GAUGES: Mapping[str, Entry] = {
    "fallback": Entry(
        "fallback", "The service that answers: 0 the first, 1 the first of service.fallback."
    ),
    "backlog_ms": Entry("backlog_seconds", "Speech recorded but not sent yet.", MS),
    "round_trip_ms": Entry("round_trip_seconds", "Round trip of the newest heartbeat.", MS),
    "websocket_round_trip_ms": Entry(
        "websocket_round_trip_seconds", "Round trip of the newest WebSocket ping.", MS
    ),
    "jitter_ms": Entry("jitter_buffer_seconds", "Speech held back before playing begins.", MS),
    "level_dbfs": Entry("level_dbfs", "Level of the newest packet, dB of full scale."),
    "outbox": Entry("outbox_messages", "Messages on the disk that wait for the broker."),
    "set_aside": Entry("set_aside_messages", "Messages no broker took since the start."),
    "temperature_c": Entry("temperature_celsius", "The hottest sensor of the board."),
    "uptime_s": Entry("uptime_seconds", "Time since the start."),
}

#: Timings; in the telemetry ``<name>_p50_ms`` and ``<name>_p99_ms``.
SUMMARIES: Mapping[str, Entry] = {
    "mic_to_wire": Entry(
        "mic_to_wire_seconds", "From captured to sent, for the newest live packets."
    ),
    "pacing_error": Entry("pacing_error_seconds", "How late the newest live packets were sent."),
}
QUANTILES = {"p50": "0.5", "p99": "0.99"}

#: What the ``process_…`` metrics of the library say, in its names.
BY_LIBRARY = {
    "rss_mb": "process_resident_memory_bytes",
    "cpu_percent": "process_cpu_seconds_total",
}


class Collector:
    """Makes the metrics of the moment; registered with the library, called in its threads.

    Args:
        values: the telemetry of this moment, see ``Telemetry.values``.
        state: what is published on ``state``.
    """

    def __init__(
        self, device: str, values: Callable[[], Values], state: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._device, self._values, self._state = device, values, state

    def collect(self) -> Iterator[Metric]:
        """Every metric there is a value for."""
        values, state = self._values(), self._state()
        yield self._info(state)
        yield _states(state["state"])
        for key, entry in COUNTERS.items():
            if key in values:
                yield CounterMetricFamily(f"dragoman_{entry.name}", entry.help, values[key])
        for key, entry in GAUGES.items():
            if key in values:
                value = values[key] / entry.per
                yield GaugeMetricFamily(f"dragoman_{entry.name}", entry.help, value)
        for key, entry in SUMMARIES.items():
            yield from _summary(key, entry, values)

    def _info(self, state: Mapping[str, Any]) -> Metric:
        labels = {
            "device": self._device,
            "version": __version__,
            "service": state["service"] or "",
            "source": state["source"] or "",
            "target": state["target"] or "",
        }
        return InfoMetricFamily("dragoman", "Which device this is, and what it does.", labels)


def registry(collector: Collector) -> CollectorRegistry:
    """``collector`` and the library's own metrics of the process."""
    made = CollectorRegistry()
    made.register(collector)
    ProcessCollector(registry=made)
    return made


def _states(current: str) -> Metric:
    """One series a state, 1 for the one it is in."""
    family = GaugeMetricFamily("dragoman_state", "1 for the state of the device.", labels=["state"])
    for state in STATES:
        family.add_metric([state], float(state == current))
    return family


def _summary(key: str, entry: Entry, values: Values) -> Iterator[Metric]:
    family = Metric(f"dragoman_{entry.name}", entry.help, "summary")
    for percentile, quantile in QUANTILES.items():
        if (name := f"{key}_{percentile}_ms") in values:
            family.add_sample(family.name, {"quantile": quantile}, values[name] / MS)
    if family.samples:
        yield family
