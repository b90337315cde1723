"""Messages and bodies no client should believe, for the fault `garbage`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle, islice
from random import Random
from typing import Protocol

_HUGE = 2_000_000


class _Maker(Protocol):
    def __call__(self, random: Random, /) -> str | bytes: ...


def garbage(count: int, seed: int = 0) -> Iterator[str | bytes]:
    """`count` messages, text and binary, going through every kind; the same for a seed."""
    random = Random(seed)
    return (make(random) for make in islice(cycle(_KINDS), count))


def garbage_body(seed: int = 0) -> bytes:
    """A body of any kind, the same for a seed; seeds that follow one another go through them."""
    *_, message = garbage(seed % len(_KINDS) + 1, seed)
    return message if isinstance(message, bytes) else message.encode()


def _result(random: Random) -> dict[str, object]:
    detail = {"slice_type": 2, "index": random.randrange(100), "voice_text_str": "garbage"}
    return {"code": 0, "msg": "success", "translation": "garbage", "original_detail": detail}


def _broken(random: Random) -> str:
    whole = json.dumps(_result(random))
    return whole[: random.randrange(1, len(whole))]


def _wrong_types(random: Random) -> str:
    wrong: list[object] = ["two", -1, None, [], {}, True, 1e300]
    detail = {key: random.choice(wrong) for key in ("slice_type", "index", "voice_text_str")}
    return json.dumps(
        {"code": random.choice(["0", None, [0]]), "translation": 7, "original_detail": detail}
    )


def _unknown(random: Random) -> str:
    return json.dumps({f"field_{random.randrange(1000)}": random.random(), "slice_type": 9})


def _binary(random: Random) -> bytes:
    return random.randbytes(random.randrange(1, 4_000))


def _not_an_object(random: Random) -> str:
    return random.choice(["", "null", "[]", '"success"', "NaN", "0", "\x00", "�" * 40])


def _huge(random: Random) -> str:
    return json.dumps({**_result(random), "translation": "x" * _HUGE})


_KINDS: tuple[_Maker, ...] = (
    _broken, _wrong_types, _unknown, _binary, _not_an_object, _huge,
)  # fmt: skip
