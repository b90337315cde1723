"""The demo: broker, emulator with the local engine, a subscriber and the daemon itself."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import paho.mqtt.client as paho

from agent.audio.convert import Converter

OUT = Path("demo-out")
RECORDINGS = Path("/usr/share/sounds/alsa")  # human speech, shipped with Debian's alsa-utils
NAMES = ("Front_Center", "Front_Right", "Rear_Center", "Side_Right")
PAUSE_S = 2.0
RATE = 16000
SLOW_S = 120.0  # a small board under load; what has not come by then hangs
LOADING_S = 900.0  # and models that turn out to be too large for it are tried before


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wav", type=Path, help="use this recording (English speech) instead")
    parser.add_argument(
        "--once",
        action="store_true",
        help="end after one pass, as it does where nobody looks on (no terminal)",
    )
    parser.add_argument(
        "--small", action="store_true", help="download no better recogniser and voice"
    )
    args = parser.parse_args()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(exist_ok=True)
    speech = make_speech(args.wav)
    broker_port, cloud_port = free_port(), free_port()
    with ExitStack() as stack:
        stack.enter_context(broker(broker_port))
        stack.enter_context(emulator(cloud_port))
        messages = stack.enter_context(subscriber(broker_port))
        again = sys.stdin.isatty() and sys.stdout.isatty() and not args.once
        web_port = 8080 if not listens(8080) else free_port()
        print(f"\nthe cloud of this machine: {engine()}")
        print(f"speaking {speech:.1f} s of recorded English into the device …")
        print(f"captions in a browser: http://127.0.0.1:{web_port}/")
        print("again and again, until you press q\n" if again else "", flush=True)
        code = device(broker_port, cloud_port, web_port, again)
        wait_for(lambda: b"offline" in (m[1] for m in messages if m[0].endswith("/status")))
    return code or report(messages)


def make_speech(wav: Path | None) -> float:
    """Write the recordings one after the other, with pauses; returns seconds."""
    sources = [wav] if wav else [RECORDINGS / f"{name}.wav" for name in NAMES]
    pcm = bytes(RATE)  # half a second of silence first
    for source in sources:
        pcm += read(source) + bytes(int(PAUSE_S * RATE) * 2)
    with wave.open(str(OUT / "speech.wav"), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(pcm)
    return len(pcm) / RATE / 2


def read(source: Path) -> bytes:
    """A PCM WAV as 16 kHz mono s16le."""
    try:
        with wave.open(str(source)) as file:
            channels, width, rate, *_ = file.getparams()
            converter = Converter(rate, channels, {1: "u8", 2: "s16", 4: "s32"}[width], RATE, "mix")
            return converter.feed(file.readframes(file.getnframes())) + converter.flush()
    except OSError as error:
        raise SystemExit(f"demo: {source}: {error.strerror}") from None
    except (EOFError, wave.Error, KeyError) as error:
        raise SystemExit(f"demo: {source} is no WAV of 8, 16 or 32 bits: {error}") from None


def device(broker_port: int, cloud_port: int, web_port: int, again: bool) -> int:
    """Run the daemon as anybody would, with captions in terminal and browser; its exit code."""
    command = [
        sys.executable, "-m", "agent", "run", "--live",
        "--config", "config/demo.yaml",
        "--cloud", f"http://127.0.0.1:{cloud_port}",
        "--set", f"mqtt.port={broker_port}",
        "--set", f"audio.capture.loop={str(again).lower()}",
        "--web", f"127.0.0.1:{web_port}",
    ]  # fmt: skip
    child = subprocess.Popen(command)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the device has heard it, too, and ends as it should
            continue


@contextmanager
def broker(port: int) -> Iterator[None]:
    """A mosquitto of our own, on loopback."""
    conf = OUT / "mosquitto.conf"
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    path = f"{os.environ['PATH']}:/usr/sbin"
    with process("mosquitto", ["mosquitto", "-c", str(conf)], port, {"PATH": path}):
        yield


@contextmanager
def emulator(port: int) -> Iterator[None]:
    """The speech cloud: recognises, translates and speaks on this machine."""
    command = [sys.executable, "-m", "agent", "emulate", "--engine", "local", "--port", str(port)]
    with process("emulator", command, port, {}):
        yield


def engine() -> str:
    """What the emulator recognises and speaks with, in its own words."""
    lines = (OUT / "emulator.log").read_text().splitlines()
    return ", ".join(line for line in lines if line.startswith(("recognising", "speaking")))


@contextmanager
def process(name: str, command: list[str], port: int, env: dict[str, str]) -> Iterator[None]:
    """A child that listens on ``port``; its output goes to ``demo-out/<name>.log``."""
    log = OUT / f"{name}.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env},
            start_new_session=True,  # Ctrl-C is for the device; these end after it
        )
        try:
            started = wait_for(lambda: child.poll() is not None or listens(port), LOADING_S)
            if not started or child.poll() is not None:
                raise SystemExit(f"demo: {name} did not start:\n{log.read_text().strip()}")
            yield
        finally:
            child.terminate()
            try:
                child.wait(SLOW_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextmanager
def subscriber(port: int) -> Iterator[list[tuple[str, bytes]]]:
    """Everything the device publishes, also written to ``demo-out/mqtt.log``."""
    messages: list[tuple[str, bytes]] = []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    with (OUT / "mqtt.log").open("wb") as log:

        def on_message(_client: object, _data: object, message: paho.MQTTMessage) -> None:
            messages.append((message.topic, message.payload))
            log.write(message.topic.encode() + b" " + message.payload + b"\n")
            log.flush()

        client.on_message = on_message
        client.connect("127.0.0.1", port)
        client.subscribe("dragoman/#", qos=1)
        client.loop_start()
        try:
            yield messages
        finally:
            client.disconnect()
            client.loop_stop()


def report(messages: list[tuple[str, bytes]]) -> int:
    """Say what there is to look at; 1 when something that should be there is not."""
    finals = [json.loads(payload) for topic, payload in messages if topic.endswith("/transcript")]
    with wave.open(str(OUT / "spoken.wav")) as spoken:
        seconds = spoken.getnframes() / spoken.getframerate()
    print(f"\n{len(finals)} sentences recognised, translated and published:")
    for final in finals:
        print(f"  {final['start_ms'] / 1000:6.1f} s  {final['text']}  →  {final['translation']}")
    print(f"\nheard      {OUT / 'speech.wav'}  (recorded human speech)")
    print(f"spoken     {OUT / 'spoken.wav'}  ({seconds:.1f} s of synthesised Spanish)")
    print(f"published  {OUT / 'mqtt.log'}  ({len(messages)} MQTT messages)")
    play()
    translated = [final for final in finals if final.get("translation")]
    if translated and seconds > 1:
        return 0
    print(
        f"\nThe translation did not come: too slow a processor, or see what they say in"
        f"\n{OUT / 'emulator.log'} and {OUT / 'mosquitto.log'}"
    )
    return 1


def play() -> None:
    """Let the translation be heard where there is a sound card and somebody at the terminal."""
    cards = Path("/proc/asound/cards")
    if sys.stdout.isatty() and cards.exists() and "no soundcards" not in cards.read_text():
        subprocess.run(["aplay", "-q", str(OUT / "spoken.wav")], check=False)


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(condition: object, seconds: float = SLOW_S) -> bool:
    """Wait until ``condition()`` is true; false when it did not become so in time."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


if __name__ == "__main__":
    sys.exit(main())
