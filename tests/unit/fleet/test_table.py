"""A fleet for people and for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.fleet.roster import Roster
from agent.fleet.table import Entry, as_json, columns, entries, lines, plain, summary
from agent.printable import printable
from agent.report import payloads
from agent.report.signals import Incoming
from tests.unit.fleet.air import heard, kept

UTC0 = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def fleet(*messages: Incoming) -> list[Entry]:
    roster = Roster("dragoman")
    for message in messages:
        roster.take(message, 0.0, UTC0)
    return entries(roster, 5.0, UTC0 + timedelta(seconds=5))


def state(name: str, service: str = "twetalk-v2", **fields: str) -> Incoming:
    spoken = payloads.state("idle", service=service, source="en", target="es")
    return kept(f"{name}/state", spoken | {"version": "0.1.0"} | fields)


def text(shown: list[Entry], width: int = 80) -> list[str]:
    return [line.text for line in lines(shown, width)]


THREE = (
    kept("kitchen-1/status", b"online"),
    state("kitchen-1", state="listening"),
    heard("kitchen-1/telemetry", {"temperature_c": 78}),
    kept("hall-3/status", b"offline"),
    state("hall-3", since="2026-04-28T12:00:00Z"),
    kept("厨房/status", b"online"),
    state("厨房", service="youdao", source="zh-CN", target="en-US"),
)


def test_a_fleet_at_a_glance() -> None:
    assert text(fleet(*THREE)) == [
        "DEVICE     STATUS   STATE      SERVICE     PAIR         VERSION  SEEN  HEALTH",
        "hall-3     offline  (idle)     twetalk-v2  en→es        0.1.0    3 d   fault",
        "  → not connected to the broker",
        "kitchen-1  online   listening  twetalk-v2  en→es        0.1.0    5 s   warn",
        "  → the board is at 78 °C",
        "厨房       online   idle       youdao      zh-CN→en-US  0.1.0    5 s   ok",
    ]
    assert summary(fleet(*THREE), 0) == "3 devices: 1 ok, 1 warn, 1 fault"


def test_each_line_knows_the_verdict_it_is_about() -> None:
    verdicts = [line.verdict for line in lines(fleet(*THREE), 80)]
    assert verdicts == [None, "fault", "fault", "warn", "warn", "ok"]


def test_one_device_and_strangers() -> None:
    words = "1 device: 1 fault; messages that are not a dragoman's: 2"
    assert summary(fleet(kept("a/status", b"offline")), 2) == words


def test_nothing_known_is_a_dash() -> None:
    row = text(fleet(heard("a/telemetry", {})))[1]
    assert row.split() == ["a", "–", "–", "–", "–", "–", "5", "s", "ok"]


def test_a_muted_device_says_so() -> None:
    shown = fleet(kept("a/state", payloads.state("idle", muted=True)))
    assert "idle muted" in text(shown)[1]


def test_it_fits_into_80_columns() -> None:
    name = "a-rather-long-name-of-a-device"
    shown = fleet(
        kept(f"{name}/status", b"offline"),
        state(name, "maas-speech-translation", source="zh-Hant-TW", version="0.10.12-rc1"),
    )
    for line in text(shown):
        assert columns(line) <= 80, line
    assert text(shown)[1].split("  ")[0] == "a-rather-long-nam…"
    assert "maas-spee…" in text(shown)[1]
    assert {name, "maas-speech-translation", "zh-Hant-TW→es"} <= set(text(shown, 200)[1].split())


def test_what_is_cut_first_is_the_service() -> None:
    name = "meeting-room-3"
    shown = fleet(kept(f"{name}/status", b"online"), state(name, "maas-speech-translation"))
    [row] = text(shown, 74)[1:2]
    assert columns(row) <= 74
    assert row.startswith(f"{name}  online")
    assert "maas-speech-…" in row


def test_chinese_characters_take_two_columns() -> None:
    assert columns("厨房") == 4
    assert columns("é") == 1
    shown = fleet(kept("厨房/status", b"online"), kept("ab/status", b"online"))
    assert [line.index("online") for line in text(shown) if "online" in line] == [8, 6]


def test_what_would_move_the_cursor_is_not_shown() -> None:
    shown = fleet(kept("a\x1b[2J/status", b"online"), state("a\x1b[2J", state="idle\x9b2J\n"))
    assert "\x1b" not in "".join(text(shown)) + plain(shown[0])
    assert "a[2J" in text(shown)[1]
    assert "idle2J" in text(shown)[1]
    assert printable("a\u202eb\x07") == "ab"


def test_a_device_on_one_line() -> None:
    shown = {entry.device.id: plain(entry) for entry in fleet(*THREE)}
    assert shown == {
        "hall-3": "hall-3  offline  (idle)  twetalk-v2  en→es  0.1.0"
        "  fault: not connected to the broker",
        "kitchen-1": "kitchen-1  online  listening  twetalk-v2  en→es  0.1.0"
        "  warn: the board is at 78 °C",
        "厨房": "厨房  online  idle  youdao  zh-CN→en-US  0.1.0  ok",
    }


def test_a_device_as_an_object() -> None:
    assert as_json(fleet(*THREE)[0]) == {
        "device": "hall-3",
        "status": "offline",
        "state": "idle",
        "service": "twetalk-v2",
        "source": "en",
        "target": "es",
        "tts": False,
        "muted": False,
        "session": None,
        "since": "2026-04-28T12:00:00Z",
        "version": "0.1.0",
        "last_seen": "2026-04-28T12:00:00.000Z",
        "health": "fault",
        "reasons": ["not connected to the broker"],
        "telemetry": None,
    }
    assert as_json(fleet(*THREE)[1])["telemetry"] == {"temperature_c": 78}


def test_an_object_has_every_key_whatever_is_known() -> None:
    assert as_json(fleet(heard("a/telemetry", {}))[0]).keys() == as_json(fleet(*THREE)[0]).keys()
