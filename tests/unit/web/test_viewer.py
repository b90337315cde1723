"""What waits for a page is bounded, and no page waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from agent.web.viewer import BYTES, MESSAGES, Audience, Viewer


def nobody() -> None:
    raise AssertionError("nobody has to be greeted anew")


def run(work: Coroutine[object, object, None]) -> None:
    asyncio.run(work)


async def never(_: bytes) -> None:
    """Send to a page that takes nothing."""
    await asyncio.Event().wait()


async def sent_by(viewer: Viewer) -> list[bytes]:
    """What the pump sends until there is nothing more to do."""
    sent: list[bytes] = []

    async def send(message: bytes) -> None:
        sent.append(message)

    pump = asyncio.create_task(viewer.pump(send))
    for _ in range(5):
        await asyncio.sleep(0)
    pump.cancel()
    return sent


def test_messages_go_out_in_order() -> None:
    async def work() -> None:
        viewer = Viewer(nobody)
        for message in (b"a", b"b", b"c"):
            viewer.tell(message)
        assert await sent_by(viewer) == [b"a", b"b", b"c"]
        viewer.tell(b"d")
        assert await sent_by(viewer) == [b"d"]
        assert not viewer.overrun.is_set()

    run(work())


def test_a_page_that_fell_behind_is_greeted_anew_once_it_takes_something() -> None:
    async def work() -> None:
        greeted: list[str] = []

        def greet() -> None:
            greeted.append("hello")
            viewer.tell(b"greeting")

        viewer = Viewer(greet)
        for _ in range(MESSAGES):
            viewer.tell(b"x")
        assert not viewer.overrun.is_set()
        viewer.tell(b"x")
        assert viewer.overrun.is_set()
        viewer.tell(b"x")
        viewer.show(b"level")
        assert greeted == []
        assert await sent_by(viewer) == [b"greeting"], "what waited is let go"
        assert greeted == ["hello"]
        assert not viewer.overrun.is_set()
        viewer.tell(b"next")
        assert await sent_by(viewer) == [b"next"]

    run(work())


def test_few_large_messages_are_too_much_as_well() -> None:
    async def work() -> None:
        viewer = Viewer(nobody)
        for _ in range(3):
            viewer.tell(bytes(BYTES // 2))
        assert viewer.overrun.is_set()

    run(work())


def test_what_was_sent_does_not_count() -> None:
    async def work() -> None:
        viewer = Viewer(nobody)
        for _ in range(10):
            viewer.tell(bytes(BYTES // 2))
            await sent_by(viewer)
        assert not viewer.overrun.is_set()

    run(work())


def test_the_meter_does_not_queue_up() -> None:
    async def work() -> None:
        viewer = Viewer(nobody)
        viewer.show(b"level 1")
        viewer.show(b"level 2")
        viewer.tell(b"caption")
        viewer.show(b"level 3")
        assert await sent_by(viewer) == [b"level 1", b"caption"]

    run(work())


def test_one_slow_page_costs_only_itself() -> None:
    async def work() -> None:
        audience, slow, quick = Audience(), Viewer(nobody), Viewer(nobody)
        audience.admit(slow)
        audience.admit(quick)
        pump = asyncio.create_task(slow.pump(never))
        for number in range(MESSAGES + 10):
            audience.tell(b"%d" % number)
            assert await sent_by(quick) == [b"%d" % number]
        pump.cancel()
        assert slow.overrun.is_set()
        assert not quick.overrun.is_set()

    run(work())


def test_the_same_bytes_go_to_all() -> None:
    async def work() -> None:
        audience, viewers = Audience(), [Viewer(nobody) for _ in range(3)]
        for viewer in viewers:
            audience.admit(viewer)
        message = b"once encoded"
        audience.tell(message)
        assert all([(await sent_by(viewer))[0] is message for viewer in viewers])

    run(work())


def test_somebody_is_there_until_the_last_has_gone() -> None:
    audience, one, two = Audience(), Viewer(nobody), Viewer(nobody)
    assert not audience.present.is_set()
    audience.admit(one)
    audience.admit(two)
    audience.leave(one)
    assert audience.present.is_set()
    assert len(audience) == 1
    audience.leave(two)
    audience.leave(two)
    assert not audience.present.is_set()
