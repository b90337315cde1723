"""Translators and voices of one's own: what they give, and hostile and slow ones."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from agent.clock import ManualClock, SystemClock
from agent.config.schema import Hear, Network, Service, Speak, Translate
from agent.config.secret import Secret
from agent.errors import DragomanError, LinkError, Refused
from agent.events import Pair
from agent.link import roles as module
from agent.link.roles import Watch, translator, voice
from agent.services.wyoming import Decoder, Event
from tests.unit.link.peers import Talk, answer, peer, request, saying

RATE = 16000
PAIR = Pair("en", "es")
EARS = Hear(url="wyoming://127.0.0.1:1")


class Told:
    def __init__(self) -> None:
        self.slow = 0
        self.stopping = False
        self.watch = Watch(SystemClock(), lambda: self.stopping, self._tell)

    def _tell(self) -> None:
        self.slow += 1


def chat(port: int, **given: Any) -> Service:
    url = f"http://127.0.0.1:{port}/v1"
    role = Translate(url=url, model="m", key=Secret("k3y-of-mine"), **given)
    return Service(name="own", hear=EARS, translate=role, source="en", target="es")


def translated(talk: Talk, told: Told | None = None, text: str = "hello") -> str:
    with peer(talk) as port:
        watch = (told or Told()).watch
        translate = translator(chat(port), Network(), SystemClock(), watch)
        assert translate is not None
        return translate(text, PAIR)


def completion(text: str) -> bytes:
    return answer(json.dumps({"choices": [{"message": {"content": text}}]}).encode())


def test_a_chat_translates() -> None:
    assert translated(saying(completion("hola"))) == "hola"


def test_nobody_translates_where_no_role_is_named() -> None:
    service = Service(name="own", hear=EARS)
    assert translator(service, Network(), SystemClock(), Told().watch) is None
    assert voice(service, Network(), RATE, SystemClock(), Told().watch) is None


def test_a_redirect_with_the_key_is_refused() -> None:
    seen: list[bytes] = []

    def elsewhere(caller: socket.socket) -> None:
        seen.append(request(caller))
        caller.sendall(completion("stolen"))

    with peer(elsewhere) as other:
        location = f"Location: http://127.0.0.1:{other}/v1/chat/completions"
        moved = answer(b"", "307 Temporary Redirect", location)
        with pytest.raises((Refused, LinkError)):
            translated(saying(moved, moved))
    assert seen == []  # neither the key nor the text went there


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (answer(b'{"error": {"message": "no model m"}}', "404 Not Found"), "no model m"),
        (answer(b"{}"), "can be read"),
        (answer(b"[" * 100_000), "can be read"),
        (answer(b'{"choices": [{"message": {"content": 7}}]}'), ""),
        (answer(b'{"choices": [{"message": {"content": "' + b"x" * 10**6 + b'"}}]}'), ""),
        (b"no http\r\n\r\n", "no HTTP"),
    ],
)
def test_whatever_a_translator_says_is_a_text_or_an_error_of_ours(said: bytes, words: str) -> None:
    if not words:
        assert len(translated(saying(said))) <= 100_000
        return
    with pytest.raises(DragomanError, match=words) as info:
        translated(saying(said))
    assert "k3y-of-mine" not in str(info.value)


def mute(caller: socket.socket) -> None:
    request(caller)
    caller.recv(1)


def test_a_translator_that_says_nothing_is_told_of_and_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SLOW_S", 0.2)
    monkeypatch.setattr(module, "FIRST_S", 1.0)
    told = Told()
    with pytest.raises(LinkError) as info:
        translated(mute, told)
    assert info.value.kind == "timeout"
    assert told.slow == 1


def test_a_stop_ends_the_wait() -> None:
    told = Told()
    threading.Timer(0.2, lambda: setattr(told, "stopping", True)).start()
    with pytest.raises(LinkError) as info:
        translated(mute, told)
    assert info.value.kind == "cancelled"


def test_a_server_that_answered_not_long_ago_is_waited_for_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "USUAL_S", 0.3)

    def once(caller: socket.socket) -> None:
        request(caller)
        caller.sendall(completion("hola"))
        mute(caller)

    told = Told()
    with peer(once) as port:
        translate = translator(chat(port), Network(), SystemClock(), told.watch)
        assert translate is not None
        assert translate("a", PAIR) == "hola"
        with pytest.raises(LinkError, match=r"no answer for 0\.3 s"):
            translate("b", PAIR)


def test_ears_are_waited_for_as_long_as_they_are_told() -> None:
    clock = ManualClock()
    watch = Watch(clock, lambda: False, lambda: None, 180.0)
    with watch.asking():
        clock.advance(179)
        assert not watch()
        clock.advance(2)
        assert watch()


# --- voices ----------------------------------------------------------------------------------


def tone(rate: int, seconds: float = 0.5, hz: int = 440) -> bytes:
    time = numpy.arange(round(rate * seconds)) / rate
    return bytes((9000 * numpy.sin(2 * numpy.pi * hz * time)).astype("<i2").tobytes())


def pitch(pcm: bytes) -> float:
    samples = numpy.frombuffer(pcm, "<i2").astype(float)
    spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    return float(numpy.argmax(spectrum) * RATE / len(samples))


def spoken(talk: Talk, **role: Any) -> bytes:
    with peer(talk) as port:
        at = f"127.0.0.1:{port}"
        url = f"http://{at}/v1" if role.pop("http", False) else f"wyoming://{at}"
        service = Service(name="own", hear=EARS, speak=Speak(url=url, **role))
        speak = voice(service, Network(), RATE, SystemClock(), Told().watch)
        assert speak is not None
        return b"".join(speak("hola", "es"))


def asked(caller: socket.socket) -> Event:
    decoder = Decoder()
    while True:
        for event in decoder.feed(caller.recv(4096)):
            assert isinstance(event, Event)
            return event


def piper(rate: int, width: int = 2, channels: int = 1, **other: Any) -> Callable[[bytes], Talk]:
    def saying_it(sound: bytes) -> Talk:
        def talk(caller: socket.socket) -> None:
            event = asked(caller)
            assert (event.type, event.data["text"]) == ("synthesize", "hola")
            form = {"rate": rate, "width": width, "channels": channels, **other}
            caller.sendall(Event("audio-start", form).encode())
            for at in range(0, len(sound), 2048):
                caller.sendall(Event("audio-chunk", form, sound[at : at + 2048]).encode())
            caller.sendall(Event("audio-stop").encode())

        return talk

    return saying_it


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 48000])
def test_speech_in_any_rate_is_whole_and_at_its_pitch(rate: int) -> None:
    sound = spoken(piper(rate)(tone(rate)))
    assert abs(len(sound) / 2 / RATE - 0.5) < 0.01
    assert abs(pitch(sound) - 440) < 2


def test_speech_in_two_channels_and_floats_of_no_kind() -> None:
    left_right = numpy.repeat(numpy.frombuffer(tone(22050), "<i2"), 2).tobytes()
    sound = spoken(piper(22050, channels=2)(left_right))
    assert abs(pitch(sound) - 440) < 2


def _endless(caller: socket.socket) -> None:
    asked(caller)
    form = {"rate": 22050, "width": 2, "channels": 1}
    caller.sendall(Event("audio-start", form).encode())
    while True:
        caller.sendall(Event("audio-chunk", form, bytes(65536)).encode())


def _then(*events: Event) -> Talk:
    def talk(caller: socket.socket) -> None:
        asked(caller)
        for event in events:
            caller.sendall(event.encode())

    return talk


FORM = {"rate": 22050, "width": 2, "channels": 1}


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (_endless, "goes on for more than 180 s"),
        (_then(Event("error", {"text": "no voice x", "code": "V"})), "no voice x"),
        (_then(Event("audio-stop")), "said nothing"),
        (_then(Event("audio-start", {"rate": -1, "width": 2, "channels": 1})), "unknown form"),
        (_then(Event("audio-start", {"rate": 22050, "width": "2", "channels": 1})), "unknown form"),
        (_then(Event("audio-start", {"rate": 22050.5, "width": 2, "channels": 1})), "unknown form"),
        (_then(Event("audio-start", {"rate": 22050, "width": 2, "channels": 99})), "unknown form"),
        (_then(Event("audio-start", FORM), Event("audio-chunk", FORM, b"\0\0")), "hung up"),
        (lambda caller: caller.sendall(b"HTTP/1.1 200 OK\r\n\r\n"), "no wyoming"),
        (lambda caller: caller.sendall(b'{"type": "x", "payload_length": 1e12}\n'), "no wyoming"),
    ],
)
def test_a_hostile_voice_is_an_error_of_ours(talk: Talk, words: str) -> None:
    with pytest.raises(DragomanError, match=words):
        spoken(talk)


def wav(rate: int, sound: bytes, size: int | None = None) -> bytes:
    most = (len(sound) if size is None else size).to_bytes(4, "little")
    head = b"RIFF" + most + b"WAVEfmt \x10\0\0\0\1\0\1\0"
    head += rate.to_bytes(4, "little") + (2 * rate).to_bytes(4, "little") + b"\2\0\x10\0"
    return head + b"data" + most + sound


@pytest.mark.parametrize("size", [None, 0, 0xFFFFFFFF])
def test_a_wav_whatever_length_it_claims(size: int | None) -> None:
    body = answer(wav(24000, tone(24000), size), "200 OK", "Content-Type: audio/wav")
    sound = spoken(saying(body), http=True)
    assert abs(len(sound) / 2 / RATE - 0.5) < 0.01
    assert abs(pitch(sound) - 440) < 2


@pytest.mark.parametrize(("kind", "rate"), [("audio/pcm", 24000), ("audio/pcm;rate=22050", 22050)])
def test_pcm_at_the_rate_it_says(kind: str, rate: int) -> None:
    body = answer(tone(rate), "200 OK", f"Content-Type: {kind}")
    sound = spoken(saying(body), http=True, format="pcm")
    assert abs(pitch(sound) - 440) < 2


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (answer(b'{"error": {"message": "no voice"}}', "400 Bad Request"), "no voice"),
        (answer(b'{"url": "http://x"}', "200 OK", "Content-Type: application/json"), "no sound"),
        (answer(b"not a sound at all", "200 OK", "Content-Type: audio/wav"), "no sound"),
        (answer(b"RIFF....WAVE", "200 OK", "Content-Type: audio/wav"), "no sound"),
        (answer(b"", "200 OK", "Content-Type: audio/wav"), "no sound"),
    ],
)
def test_what_is_no_speech(said: bytes, words: str) -> None:
    with pytest.raises(DragomanError, match=words):
        spoken(saying(said), http=True)


def test_a_sound_without_end_is_bounded() -> None:
    def flood(caller: socket.socket) -> None:
        request(caller)
        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\n\r\n")
        while True:
            caller.sendall(bytes(65536))

    with pytest.raises(LinkError, match="too large"):
        spoken(flood, http=True)
