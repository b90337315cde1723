"""The ALSA card of ``alsa_card.c``, built, and a configuration in which it is ``card``."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.patience import HANG_S

SOURCE = Path(__file__).with_name("alsa_card.c")

CONFIG = """\
</usr/share/alsa/alsa.conf>
pcm_type.dragoman_card {{ lib "{folder}/card.so" }}
pcm.card {{ type dragoman_card  rate 16000  gone "{folder}/gone" }}
pcm.card48 {{ type dragoman_card  rate 48000 }}
pcm.card44 {{ type dragoman_card  rate 44100 }}
pcm.deep {{ type dragoman_card  rate 16000  buffer_ms 500 }}
"""


class Card:
    """The card; its server may go and come back."""

    def __init__(self, folder: Path) -> None:
        self._gone = folder / "gone"
        command = ["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-DPIC", "-o", f"{folder}/card.so"]
        subprocess.run([*command, str(SOURCE), "-lasound"], check=True, timeout=HANG_S)
        self.config = folder / "asound.conf"
        self.config.write_text(CONFIG.format(folder=folder))

    def leave(self) -> None:
        """The server dies: what is open is dead, and nothing can be opened."""
        self._gone.touch()

    def come_back(self) -> None:
        """The server is there again; what was open stays dead."""
        self._gone.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def built() -> Iterator[Card]:
    """A built :class:`Card`; ALSA of this process sees it."""
    if shutil.which("gcc") is None or find_spec("alsaaudio") is None:
        pytest.skip("needs gcc and pyalsaaudio")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        try:
            made = Card(Path(folder))
        except subprocess.CalledProcessError:
            pytest.skip("needs libasound2-dev")
        patch.setenv("ALSA_CONFIG_PATH", str(made.config))
        yield made


@pytest.fixture
def card(built: Card) -> Card:
    """The card, with its server there."""
    built.come_back()
    return built
