"""Language codes: from what users write (``zh``, ``en-US``) to what a document lists.

Every provider has codes of its own; one written otherwise but meaning a listed one
is translated, any other is refused before anything is sent.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from itertools import chain

from agent.errors import UsageError


def choose(
    service: str, wanted: str, documented: Sequence[str], aliases: Mapping[str, str] | None = None
) -> str:
    """The documented code for ``wanted``: itself in any case, its alias, or its language.

    A bare code (``ja``) finds the first listed region of its language; a region nobody
    lists (``ja-JP``) the bare code, where that is listed.  ``aliases`` has lower-case
    keys and may name codes that this list lacks.  Raises UsageError, with the nearest.
    """
    code = wanted.lower()
    listed = {known.lower(): known for known in documented}
    alias = (aliases or {}).get(code, "").lower()
    language = code.partition("-")[0]
    regions = [known for known in listed if known.startswith(f"{code}-")]
    for candidate in (code, alias, *regions, language):
        if candidate in listed:
            return listed[candidate]
    raise UsageError(f"{service} does not take the language '{wanted[:20]}'{_near(code, listed)}")


def choose_pair(
    service: str,
    pair: tuple[str, str | None],
    targets: Mapping[str, Sequence[str]],
    aliases: Mapping[str, str] | None = None,
) -> tuple[str, str]:
    """The documented codes of ``pair`` (source and target), which ``targets`` must allow.

    A target that is left out, or that of the source, means that nothing is translated: then
    both are the source.  UsageError says what the source can be translated into.
    """
    source = choose(service, pair[0], tuple(targets), aliases)
    every = tuple(dict.fromkeys((*targets, *chain.from_iterable(targets.values()))))
    wanted = source if pair[1] is None else _known(service, pair[1], every, aliases)
    if wanted == source or wanted in targets[source]:
        return source, str(wanted)
    raise UsageError(
        f"{service} does not translate {source} to {str(pair[1])[:20]}; "
        f"from {source} it translates to {', '.join(targets[source])}"
    )


def _known(
    service: str, wanted: str, every: Sequence[str], aliases: Mapping[str, str] | None
) -> str | None:
    try:
        return choose(service, wanted, every, aliases)
    except UsageError:
        return None


def _near(code: str, listed: Mapping[str, str]) -> str:
    language = code.partition("-")[0]
    same = [known for known in listed if known.partition("-")[0] == language]
    near = same or difflib.get_close_matches(code, listed, 1, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(listed[known] for known in near[:3])}?"
    return f"; it takes {', '.join(dict.fromkeys(known.partition('-')[0] for known in listed))}"
