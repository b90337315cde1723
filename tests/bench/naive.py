"""The loop people write first: read the microphone, send it, sleep for as long as a packet lasts.

    python naive.py DEVICE URL [AUTHORITIES]

Kept as such loops are: one thread, blocking calls, a pause before it connects again.
"""

from __future__ import annotations

import sys
import time

import alsaaudio
import websocket

RATE = 16000
PACKET_S = 0.04
PACKET_FRAMES = round(RATE * PACKET_S)
RETRY_S = 1.0


def main() -> None:
    device, url, *authorities = sys.argv[1:]
    tls = {"ca_certs": authorities[0]} if authorities else None
    microphone = alsaaudio.PCM(
        alsaaudio.PCM_CAPTURE,
        device=device,
        channels=1,
        rate=RATE,
        format=alsaaudio.PCM_FORMAT_S16_LE,
        periodsize=PACKET_FRAMES,
    )
    while True:
        try:
            connection = websocket.create_connection(url, sslopt=tls)
            while True:
                frames, data = microphone.read()
                if frames > 0:
                    connection.send_binary(data)
                time.sleep(PACKET_S)
        except (OSError, websocket.WebSocketException):
            time.sleep(RETRY_S)


if __name__ == "__main__":
    main()
