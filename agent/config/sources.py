"""Text from outside: the configuration file, environment variables, credential files."""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

log = logging.getLogger(__name__)

MAX_CONFIG = 256 * 1024
MAX_CREDENTIAL = 64 * 1024

#: Where the service's credentials lie, only for root.  systemd passes the file NAME on as
#: ``${CREDENTIALS_DIRECTORY}/dragoman_NAME``: see LoadCredential= in the unit.
CREDENTIALS = Path("/etc/dragoman/credentials")
ROOT_ONLY = f"only root may read what is in {CREDENTIALS}"

_PASSED = "CREDENTIALS_DIRECTORY"
_AS_PASSED = re.compile(r"(?<!\$)\$\{CREDENTIALS_DIRECTORY\}/dragoman_")
_VARIABLE = re.compile(r"\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{")


class Wrong(Exception):
    """A text that cannot be had; the message says what is wrong and what was expected."""

    def __init__(self, words: str, line: int = 0) -> None:
        super().__init__(words)
        self.line = line


def read(path: str | Path, limit: int) -> str:
    """The UTF-8 text of a file of at most ``limit`` bytes; raises :class:`Wrong`."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise Wrong(_why(error)) from None
    if len(data) > limit:
        raise Wrong(f"too large; expected at most {limit // 1024} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Wrong("not UTF-8 text; expected the encoding UTF-8", line) from None


def _why(error: Exception) -> str:
    match error:
        case FileNotFoundError():
            return "no such file; expected an existing file"
        case IsADirectoryError():
            return "is a directory; expected a file"
        case PermissionError():
            return "may not be read; expected permission for the user that runs dragoman"
    return "cannot be read; expected a file"


def expand(text: str, env: Mapping[str, str]) -> str:
    """``text`` with every ``${NAME}`` replaced and ``$${`` made ``${``; raises :class:`Wrong`.

    What systemd passes to the service is found where it lies when somebody else looks.
    """
    if _PASSED not in env and CREDENTIALS.is_dir():
        text = _AS_PASSED.sub(lambda _: f"{CREDENTIALS}/", text)

    def value(match: re.Match[str]) -> str:
        escaped, name = match.groups()
        if escaped:
            return str(escaped)
        if name is None:
            raise Wrong("'${' without a name and '}'; expected ${NAME}, or $${ for the text '${'")
        if name not in env:
            raise Wrong(f"${{{name}}} is not set; expected an environment variable {name}")
        return env[name]

    return _VARIABLE.sub(value, text)


def credential(text: str) -> str:
    """A credential without the line end that editors and ``echo`` add; raises :class:`Wrong`."""
    value = text.rstrip("\r\n")
    if not value:
        raise Wrong("is empty; expected a credential")
    if not value.isprintable():
        # Most end up in HTTP headers, where a line break begins another header.
        raise Wrong("holds line breaks or other unprintable characters; expected one line")
    return value


def read_credential(path: Path, label: str) -> str:
    """The credential in a file; warns, as ``label``, if every user can read it.

    Raises :class:`Wrong`, which does not show the path: it may be a pasted credential.
    """
    if path.parent == CREDENTIALS and not os.access(CREDENTIALS, os.X_OK):
        raise Wrong(ROOT_ONLY)
    value = credential(read(path, MAX_CREDENTIAL))
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        log.warning("%s: every user can read this file; expected mode 600", label)
    return value


def resolve(text: str, folder: Path) -> Path:
    """A path of the configuration: ``~`` is the home, relative ones start at ``folder``."""
    return folder / os.path.expanduser(text)  # noqa: PTH111 - Path.expanduser raises, this does not
