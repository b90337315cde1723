"""Text measured in cells, cropped and wrapped: wide characters take two, combining none."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len

_JOIN = "\u200d"  # joins emoji into one picture, where a terminal can
_WIDEN = "\ufe0f"  # asks for the wide picture of a narrow character

#: Punctuation that Chinese and Japanese do not let begin a line, and that which must not end one.
_NOT_FIRST = frozenset(
    "，。、；：？！）」』】》〉”’…～ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ,.;:?!)]}"
)
_NOT_LAST = frozenset("（「『【《〈“‘([{")


def cells(text: str) -> int:
    """The most cells a terminal may use for ``text``; a line is never longer than that.

    Some join emoji into one picture and some do not, so each counts for itself.
    """
    if _JOIN in text or _WIDEN in text:
        return sum(map(cell_len, text)) + text.count(_WIDEN)
    return cell_len(text)


def fit(text: str, room: int, ellipsis: str = "…") -> str:
    """``text`` if it takes at most ``room`` cells, else as much as does, with an ellipsis."""
    if cells(text) <= room:
        return text
    rest = room - cells(ellipsis)
    return _head(text, rest) + ellipsis if rest >= 0 else _head(text, room)


def wrap(text: str, room: int) -> list[str]:
    """``text`` in lines of at most ``room`` cells (2 or more), broken between words if possible."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line and cells(line) + cells(piece.rstrip(" ")) > room:
            lines.append(line)
            line = ""
        while cells(piece.rstrip(" ")) > room:  # a word longer than a line
            head = _head(piece, room) or piece[0]
            lines.append(head)
            piece = piece[len(head) :]
        line += piece
    return [kept for each in (*lines, line) if (kept := each.strip(" "))]


def _head(text: str, room: int) -> str:
    """As much of the beginning of ``text`` as takes at most ``room`` cells."""
    for end, char in enumerate(text):
        room -= cells(char)
        if room < 0:
            return text[:end]
    return text


def _pieces(text: str) -> Iterator[str]:
    """``text`` in what a line break must not tear apart."""
    start = 0
    for at in range(1, len(text)):
        if _may_break(text[at - 1], text[at]):
            yield text[start:at]
            start = at
    if text:
        yield text[start:]


def _may_break(before: str, after: str) -> bool:
    if after == " " or before == _JOIN or cells(after) == 0:
        return False
    if before == " ":
        return True
    if after in _NOT_FIRST or before in _NOT_LAST:
        return False
    return cells(before) == 2 or cells(after) == 2
