"""What was tried to make the data path cheaper, and what it gave: a table of its page.

Instructions are those of one packet (``tests/bench/instructions.py``), memory is in MB.
"""

from __future__ import annotations

from tests.bench.section import table

TRIED = (
    ("a slot of the ring in one call; ring, tape, pacing without max() and properties",
     "send −18 000"),
    ("counters and timings kept by the sender; msgspec for named tuples; what is not for the live "
     "packet (pings, deafness, losses, the verdict on a turn) once a second", "send −25 000"),
    ("a frame encoder of our own, a compiled mask, one lock", "send −14 000"),
    ("DC looked for in each eighth packet, no generator around webrtcvad, the assembler passed by",
     "capture −18 000"),
    ("a partial result asks the outbox nothing, its acknowledgement (QoS 0) wakes nobody",
     "280 000 → 115 000 each, without paho"),
    ("the sender is woken only while a take is played; ticks of 1 s (main) and 2 s (player)",
     "25 wake-ups a second less while idle: 0.40 → 0.33 CPU s a minute, 0.29 of it the capture"),
    ("idle, capture in periods of 80 ms, or without judging",
     "not done: a press would be a period late, and its pre-roll not judged"),
    ("the mask of wsaccel", "send +16 000: dropped"),
    ("the encoder of websocket-client; that of websockets", "send +78 000; +10 000: dropped"),
    ("a lock in place of the eventfd; pinning; another switch interval", "no difference"),
    ("one thread for both", "not done: a network that stalls would stop the microphone"),
    ("what was made at the start is left out of garbage collections", "p99 1.6 → below 1 ms"),
    ("TLS, OpenSSL's hashes, http.client, email loaded where they are used",
     "6.4 MB without TLS"),
    ("websocket-client for reading and the handshake in place of websockets", "0.8 MB"),
    ("compiled without docstrings by the installer", "1.2 MB"),
    ("one heap for all threads; authorities found by their hash (TLS)", "0.8 MB; 1.4 MB"),
    ("only the command, protocol and adapters in use are loaded", "4 MB"),
    ("Struct for the dataclasses that are left",
     "not done: 0.4 MB, and websocket-client loads inspect all the same"),
    ("PYTHONMALLOC=malloc, PYTHONNODEBUGRANGES", "nothing"),
    ("reading the configuration in a process of its own, without PyYAML here", "not done: 0.9 MB"),
    ("where a packet is later than the floor's, measured between its steps",
     "judged and written 0.06 ms, the other thread awake 0.07, taken and framed 0.05"),
    ("waking the sender before the packet is judged",
     "not done: it would wait for the interpreter's lock, which is a second wake-up"),
    ("judging a packet after it is sent",
     "not done: what a backlog leaves out and what is sent again depend on it"),
    ("deviation: growth of the heap, collections, the turn of once a second after the packet",
     "1.1 to 3.3 times in rounds of one build: what is left is the machine's own jitter"),
)  # fmt: skip


def tried() -> str:
    """As Markdown."""
    return table(("tried", "what it gave"), TRIED)
