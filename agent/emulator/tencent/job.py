"""What happens after a long recording was submitted: fetch it, recognise it, call back."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import IntEnum

from aiohttp import ClientError, ClientSession, ClientTimeout

from agent.emulator.call import Declined
from agent.emulator.engines import EngineFailed
from agent.emulator.stream import Rules

log = logging.getLogger(__name__)

RETRIES = 2
"""How often a callback is repeated (section 8: at most twice)."""

_TIMEOUT = ClientTimeout(total=10)
_MOST_BY_URL = 30 * 1024 * 1024


class Ret(IntEnum):
    """What `ret` is when it is not 0. The document has no list; these are the emulator's own."""

    PARAMETER = 1
    APP_ID = 2
    SIGN = 3
    TIME = 4
    RATE = 5
    FORMAT = 6
    TOO_LARGE = 7
    TOO_LONG = 8
    ADDRESS = 9
    DOWNLOAD = 10
    ENGINE = 11


@dataclass(frozen=True)
class Job:
    """A recording to work on: its bytes, or the address to fetch them from.

    `hear` recognises (called in a thread), `note` is told how each callback went.
    """

    task_id: str
    callback_url: str
    source: bytes | str
    hear: Callable[[bytes], str]
    note: Callable[[str], None]


async def run_job(job: Job, rules: Rules, executor: Executor) -> None:
    """Do it all, a moment after the submission was answered."""
    await asyncio.sleep(rules.job_ms / 1_000)
    async with ClientSession(timeout=_TIMEOUT) as client:
        message = await _result(job, client, executor)
        for attempt in range(1 + RETRIES):
            if attempt:
                await asyncio.sleep(rules.callback_ms / 1_000)
            outcome = await _call_back(client, job.callback_url, message)
            job.note(outcome)
            log.info("tencent-long-asr task %s: callback %s", job.task_id, outcome)
            if outcome == "accepted":
                return


async def _result(job: Job, client: ClientSession, executor: Executor) -> dict[str, object]:
    """The callback's request (section 7); a failure names its task, too."""
    loop = asyncio.get_running_loop()
    source, task = job.source, {"task_id": job.task_id}
    try:
        data = source if isinstance(source, bytes) else await _fetch(client, source)
        text = await loop.run_in_executor(executor, job.hear, data)
    except Declined as declined:
        return {"ret": int(declined.code), "msg": declined.msg, "data": task}
    except EngineFailed as failed:
        return {"ret": int(Ret.ENGINE), "msg": str(failed), "data": task}
    return {"ret": 0, "msg": "ok", "data": {**task, "text": text}}


async def _fetch(client: ClientSession, url: str) -> bytes:
    data = bytearray()
    try:
        async with client.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise Declined(Ret.DOWNLOAD, f"speech_url answered with status {response.status}")
            async for piece in response.content.iter_any():
                data += piece
                if len(data) > _MOST_BY_URL:
                    raise Declined(Ret.DOWNLOAD, "speech_url has more than 30 MB")
    except (ClientError, TimeoutError) as error:
        raise Declined(Ret.DOWNLOAD, f"speech_url cannot be fetched: {error}") from None
    return bytes(data)


async def _call_back(client: ClientSession, url: str, message: dict[str, object]) -> str:
    """`accepted` when the client answered with `ret` 0, else why it counts as not delivered."""
    try:
        async with client.post(url, json=message, allow_redirects=False) as response:
            status, body = response.status, await response.read()
    except (ClientError, TimeoutError) as error:
        return f"not delivered: {type(error).__name__}"
    try:
        ret = json.loads(body)["ret"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return f"status {status}, no JSON object with ret"
    return "accepted" if ret == 0 and status < 300 else f"status {status}, ret {ret!r}"
