"""TWeTalk V2 sessions for the tests."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from agent.emulator.engines import Heard
from agent.emulator.stream import Action, Listen, Refuse, Rules
from agent.emulator.twetalk.v2 import V2Session

PACKET = bytes(1_280)  # 40 ms at 16 kHz
REQUEST_ID = "7dd31c36-b3e9-4f6c-8c10-92f5f4793cdb"  # always the same: it is in names of tests
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
field_names = st.sampled_from(
    ["token", "request_id", "lang_source", "lang_target", "enable_tts", "is_tts_stream", "ping"]
)


def setup(**changes: object) -> str:
    fields = {"token": "demo", "request_id": REQUEST_ID, **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...})


def new_session(
    *, rules: Rules | None = None, ids: set[str] | None = None, now: float = 0
) -> V2Session:
    known = set() if ids is None else ids
    return V2Session(rules or Rules(code="present"), known, lambda source, target: None, now)


def started(*, now: float = 0, rules: Rules | None = None, **changes: object) -> V2Session:
    session = new_session(rules=rules, now=now)
    (action,) = session.text(setup(**changes), now)
    assert isinstance(action, Listen)
    return session


def refusal(actions: list[Action]) -> tuple[int, str]:
    """The refusal these actions are, checked against the document's shape."""
    (action,) = actions
    assert isinstance(action, Refuse)
    message = json.loads(action.text)
    assert set(message) == {"code", "msg"}
    assert message == {"code": action.code, "msg": action.msg}
    assert action.code != 0
    return action.code, action.msg


def final(text: str = "hello", index: int = 0) -> Heard:
    return Heard("final", index, text, 0, 500)
