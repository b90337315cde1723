"""A TCP balancer, as stands before a cluster: ``python -m tests.fleet.balancer PORT ADDRESS...``.

A new connection goes to the machine with the fewest.  One that answers no MQTT CONNECT twice in a
row is taken out and what leads to it is closed, so that the devices hear of it at once and not
when their own patience ends; an answer takes it in again.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress

from tests.fleet.network import PORT

CHECK_EVERY_S = 2.0
ANSWER_S = 2.0
CONNECT_S = 1.0
MISSES = 2
BYTES = 16 * 1024

#: MQTT 3.1.1, 3.1: no login, no client id, a clean session; it will be refused, and that will do.
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"


class Machine:
    """One of those behind the balancer."""

    def __init__(self, address: str) -> None:
        self.address, self.misses = address, MISSES  # out until it has answered
        self.callers: set[asyncio.StreamWriter] = set()

    @property
    def there(self) -> bool:
        return self.misses < MISSES

    async def look_after(self) -> None:
        """Check it for ever."""
        while True:
            there, answers = self.there, await self._answers()
            self.misses = 0 if answers else self.misses + 1
            if there != self.there:
                print(f"{self.address} is {'there' if self.there else 'gone'}", flush=True)
            if self.misses == MISSES:
                for writer in list(self.callers):
                    writer.transport.abort()
            await asyncio.sleep(CHECK_EVERY_S)

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_connection(self.address, PORT)
                try:
                    writer.write(_CONNECT)
                    return bool(await reader.read(4))
                finally:
                    writer.transport.abort()
        except (OSError, TimeoutError):
            return False


class Balancer:
    """Serves until cancelled."""

    def __init__(self, addresses: list[str]) -> None:
        self._machines = [Machine(address) for address in addresses]

    async def serve(self, port: int) -> None:
        server = await asyncio.start_server(self._take, None, port, backlog=4096)
        async with server:
            await asyncio.gather(
                server.serve_forever(), *(machine.look_after() for machine in self._machines)
            )

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = [machine for machine in self._machines if machine.there]
        for machine in sorted(there, key=lambda each: len(each.callers)):
            machine.callers.add(writer)
            try:
                async with asyncio.timeout(CONNECT_S):
                    back, forth = await asyncio.open_connection(machine.address, PORT)
            except (OSError, TimeoutError):  # the next one, then
                machine.callers.discard(writer)
                continue
            pumps = (_pump(reader, forth), _pump(back, writer))
            await asyncio.gather(*pumps, return_exceptions=True)
            machine.callers.discard(writer)
            return
        writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on until either side has ended; then the other is ended, too."""
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError):
        while data := await reader.read(BYTES):
            writer.write(data)
            await writer.drain()
    writer.transport.close() if reader.at_eof() else writer.transport.abort()


if __name__ == "__main__":
    asyncio.run(Balancer(sys.argv[2:]).serve(int(sys.argv[1])))
