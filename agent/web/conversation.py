"""One page's connection, from the password to the goodbye."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from agent.clock import Clock
from agent.errors import UsageError
from agent.events import Transcript
from agent.report import payloads
from agent.web import messages
from agent.web.budget import Budget
from agent.web.guard import Guard, network
from agent.web.messages import Download, Order, Password
from agent.web.viewer import Audience, Viewer

log = logging.getLogger(__name__)

VIEWERS = 32
WAITING = 16  # connections that have not given the password yet
WAITING_PEER = 4  # of them from one address
PASSWORD_S = 120.0  # to give it
STUCK_S = 5.0  # a page that took nothing for so long, though much waits for it, has to go
PER_S, BURST = 20.0, 60  # messages from one page


class Device(Protocol):
    """What a page can ask of the device.  May be called from any thread, never blocks; the
    callables are called in the device's main thread and must not block either."""

    def greet(self, take: Callable[[list[bytes]], None]) -> None:
        """Give the messages that tell a new page how things stand."""

    def command(
        self, fields: Mapping[str, Any], reply: Callable[[Mapping[str, Any]], None], who: object
    ) -> None:
        """Carry out a command of page ``who`` and give its answer."""

    def look_up(self, session: str, take: Callable[[list[Transcript]], None]) -> None:
        """Give what was said in ``session``."""

    def download(self, wanted: Download, sentences: list[Transcript]) -> bytes:
        """The answer to ``wanted``."""


class Reception:
    """What all conversations share; used in the loop.

    Args:
        soon: has a callable called in the loop, from any thread.
    """

    def __init__(
        self, device: Device, guard: Guard, clock: Clock, soon: Callable[..., None]
    ) -> None:
        self.device, self.guard, self.clock, self.soon = device, guard, clock, soon
        self.audience = Audience()
        #: The time left to those who have not given the password yet, by network, oldest first.
        self.waiting: dict[str, list[asyncio.Timeout]] = {}
        self.joining = 0  #: have been let in, but not been greeted

    @property
    def watched(self) -> bool:
        """Whether anybody sees, or soon will see, what happens; from any thread."""
        return bool(self.joining or len(self.audience))

    def make_room(self, peer: str) -> None:
        """Where too many wait for the password, the oldest of the fullest address has to go.

        So whoever comes is asked: nobody keeps the owner out by waiting.
        """
        rooms = self.waiting
        crowd = rooms.get(peer, [])
        if len(crowd) < WAITING_PEER:
            if sum(map(len, rooms.values())) < WAITING:
                return
            crowd = max(rooms.values(), key=len)
        for time in crowd:
            if not _is_over(time):
                time.reschedule(0.0)
                return

    async def receive(self, socket: ServerConnection) -> None:
        """Talk to one page until it goes."""
        try:
            await Conversation(self, socket).run()
        except ConnectionClosed:
            pass
        except Dismissed as dismissed:
            with suppress(ConnectionClosed):
                await socket.close(dismissed.code, str(dismissed))
        except Exception as error:  # noqa: BLE001 - one page's trouble must not end the others'
            log.error("caption screen: %s: %s", type(error).__name__, error)


class Dismissed(Exception):
    """A page has to go; it is told ``code`` and why."""

    def __init__(self, reason: str, code: CloseCode = CloseCode.POLICY_VIOLATION) -> None:
        super().__init__(reason)
        self.code = code


class Conversation:
    """The talk with one page over ``socket``."""

    def __init__(self, reception: Reception, socket: ServerConnection) -> None:
        self._reception, self._socket = reception, socket
        self._device, self._clock = reception.device, reception.clock
        self._peer = str((socket.remote_address or ("?",))[0])
        self._viewer = Viewer(self._greet)
        self._budget = Budget(PER_S, BURST, self._clock.now())
        self._release: dict[str, Any] | None = None  # what lets go of the button held
        self._gone = False

    async def run(self) -> None:
        """Let the page in, tell it everything, obey it; and let go of what it held."""
        if self._reception.guard.needed:
            await self._unlock()
        self._join()
        work = (self._listen(), self._viewer.pump(self._send), self._fail_when_stuck())
        tasks = [asyncio.ensure_future(each) for each in work]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._leave()
            for task in tasks:
                task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    # --- the password ------------------------------------------------------------------------

    async def _unlock(self) -> None:
        reception = self._reception
        peer = network(self._peer)
        reception.make_room(peer)
        try:
            async with asyncio.timeout(PASSWORD_S) as time:
                reception.waiting.setdefault(peer, []).append(time)
                await self._ask_password()
        except TimeoutError:
            raise Dismissed("no password came") from None
        finally:
            reception.waiting[peer].remove(time)
            if not reception.waiting[peer]:
                del reception.waiting[peer]

    async def _ask_password(self) -> None:
        guard = self._reception.guard
        await self._send(messages.say("password", "wanted"))
        while True:
            request = await self._receive()
            if not isinstance(request, Password):
                await self._send(messages.result("the password is wanted first"))
                continue
            wait_s = guard.wait_s(self._peer, self._clock.now())
            if wait_s is None:
                raise Dismissed("too many attempts")
            await self._pause(wait_s)
            if guard.admits(self._peer, request.text):
                return
            log.warning("caption screen: wrong password from %s", self._peer)
            await self._send(messages.say("password", "wrong"))

    async def _pause(self, seconds: float) -> None:
        """Wait, but not for a page that has gone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._socket.wait_closed()

    # --- coming and going --------------------------------------------------------------------

    def _join(self) -> None:
        reception = self._reception
        if reception.joining + len(reception.audience) >= VIEWERS:
            raise _too_many()
        reception.joining += 1
        self._device.greet(partial(reception.soon, self._admitted))

    def _admitted(self, greeting: list[bytes]) -> None:
        self._reception.joining -= 1
        if not self._gone:
            self._greeted(greeting)
            self._reception.audience.admit(self._viewer)

    def _greet(self) -> None:
        self._device.greet(partial(self._reception.soon, self._greeted))

    def _greeted(self, greeting: list[bytes]) -> None:
        for message in greeting:
            self._viewer.tell(message)

    def _leave(self) -> None:
        self._gone = True
        self._reception.audience.leave(self._viewer)
        if self._release is not None:
            log.info("caption screen: a page went while it held the talk button")
            self._device.command(self._release, lambda answer: None, self)

    # --- while it is open --------------------------------------------------------------------

    async def _fail_when_stuck(self) -> None:
        while True:
            await self._viewer.overrun.wait()
            await asyncio.sleep(STUCK_S)
            if self._viewer.overrun.is_set():
                raise Dismissed("too slow", CloseCode.TRY_AGAIN_LATER)

    async def _listen(self) -> None:
        while True:
            request = await self._receive()
            if isinstance(request, Order):
                self._obey(request.fields)
            elif isinstance(request, Download):
                take = partial(self._reception.soon, self._hand_over, request)
                self._device.look_up(request.session, take)
            elif isinstance(request, Password):
                self._viewer.tell(messages.result("no password is wanted"))

    def _obey(self, fields: Mapping[str, Any]) -> None:
        word = fields.get("talk")
        if word == "press":
            button = {"button": fields["button"]} if "button" in fields else {}
            self._release = {"talk": "release", **button}
        elif word in ("release", "toggle"):
            self._release = None
        self._device.command(fields, partial(self._reception.soon, self._answer), self)

    def _answer(self, answer: Mapping[str, Any]) -> None:
        self._viewer.tell(messages.say("result", answer))

    def _hand_over(self, wanted: Download, sentences: list[Transcript]) -> None:
        self._viewer.tell(self._device.download(wanted, sentences))

    # --- messages ----------------------------------------------------------------------------

    async def _receive(self) -> messages.Request | None:
        """The next request; None for one that was refused."""
        message = await self._socket.recv()
        if not self._budget.spend(self._clock.now()):
            raise Dismissed("too many messages")
        fields: Mapping[str, Any] = {}
        try:
            fields = payloads.parse_command(
                message.encode() if isinstance(message, str) else message
            )
            return messages.read(fields)
        except UsageError as error:
            await self._send(messages.say("result", payloads.result(fields, str(error))))
            return None

    async def _send(self, message: bytes) -> None:
        await self._socket.send(message, text=True)


def _is_over(time: asyncio.Timeout) -> bool:
    return time.expired() or time.when() == 0.0


def _too_many() -> Dismissed:
    return Dismissed("too many pages are open", CloseCode.TRY_AGAIN_LATER)
