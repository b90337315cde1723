"""The providers' clouds on this machine: strict, offline and as unreliable as you ask.

It is written from the providers' documents alone and shares no code with the client side, so
that a misreading cannot hide on both. Every credential it takes is the word `demo`.

    with Emulator(engine=ScriptedEngine()) as emulator:
        ...  # connect to emulator.url
        emulator.connections[0].results  # WebSocket
        emulator.exchanges[0].fields  # HTTP

* `server` runs it; each provider is a package that registers its paths: `twetalk`, `tencent`,
  `maas`, `youdao`;
* `stream` is what streaming protocols share, without a socket; `connection` and `peer` are the
  socket side;
* `call` is what providers over HTTP share, without a socket; `http` is the socket side; `forms`,
  `sound`, `hearing` and `limits` are what they work with;
* `engines` hear, translate and speak; `faults` go wrong on request; `journal` remembers.
"""

from agent.emulator.server import Emulator

__all__ = ["Emulator"]
