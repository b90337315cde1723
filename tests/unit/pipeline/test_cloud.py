"""What the threads of a cloud tell, while it is in use and afterwards."""

from __future__ import annotations

from agent.events import Event, LinkDown, LinkUp, Notice, Settled
from agent.pipeline.cloud import Outlet


def test_of_one_that_was_left_only_what_it_heard_is_told() -> None:
    told: list[Event] = []
    outlet = Outlet(told.append)
    outlet(LinkUp("s1"))
    outlet.left = True
    for event in (LinkDown("stopped", wanted=False), LinkUp("s1"), Settled(), Notice("portal")):
        outlet(event)
    assert told == [LinkUp("s1"), Notice("portal")]
