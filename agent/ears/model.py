"""Wake word models: the only file that imports pymicro_wakeword.

A model is microWakeWord's, of the packaged ones or of ESPHome's collection: a ``.tflite`` file
that gives a probability each 30 ms, and a ``.json`` beside it with the mean of how many of them
has to pass which mark (esphome.io/components/micro_wake_word).  16 kHz.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymicro_wakeword
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures
from pymicro_wakeword.wakeword import TfLiteWakeWord

from agent.config.words import did_you_mean
from agent.errors import UsageError

RATE = 16000
STEP = RATE // 100 * 2  # bytes of sound from one row of features to the next
ROW = 40  # features of 10 ms

#: How long after the end of the word its model is sure (s), at most, where no pause follows it
#: (with a pause it may be later): so what is said right after it is whole.  Synthetic voices.
LAG_S = {"hey_mycroft": 0.12}
OTHER_LAG_S = 0.16

_PACKAGE = Path(pymicro_wakeword.__file__).parent
_LARGEST = 4 * 1024 * 1024  # bytes of a model; the packaged ones have 80 kB
_OWN = 0.4  # the sensitivity that is a model's own mark
_STEEPNESS = 8.0  # of the sensitivity: 0 … 1 is so much in the logarithm of the odds
_STRICTEST = 0.99  # of 256 steps, so a mean is hardly ever more


@dataclass(frozen=True, slots=True)
class Files:
    """Where a model is and what it says of itself."""

    name: str
    path: Path
    cutoff: float = 0.9
    window: int = 5
    languages: Sequence[str] = ()


def packaged() -> list[Files]:
    """The models that come with the library, by name."""
    return [described(path) for path in sorted((_PACKAGE / "models").glob("*.json"))]


def find(key: str, word: str) -> Files:
    """The model ``word`` means: a packaged one's name, or the path of a ``.json`` or ``.tflite``.

    Raises UsageError, which begins with ``key``, where there is none that can be used.
    """
    path = Path(word).expanduser()
    try:
        if path.suffix == ".json":
            return described(path)
        if path.suffix == ".tflite":
            beside = path.with_suffix(".json")
            return described(beside) if beside.is_file() else Files(path.stem, path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{key}: {path}: {_why(error)}") from None
    names = [files.name for files in packaged()]
    if word not in names:
        words = f"no wake word {word[:40]!r}; expected {', '.join(names)}, or the path of a model"
        raise UsageError(f"{key}: {words}{did_you_mean(word, names)}")
    return described(_PACKAGE / "models" / f"{word}.json")


def described(path: Path) -> Files:
    """What ESPHome's ``.json`` says; OSError, ValueError, KeyError or TypeError where it cannot."""
    said: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    micro = said["micro"]
    cutoff, window = float(micro["probability_cutoff"]), int(micro["sliding_window_size"])
    if not 0 < cutoff < 1 or not 1 <= window <= 100:
        raise ValueError("probability_cutoff or sliding_window_size is out of range")
    model = path.parent / str(said["model"])
    return Files(path.stem, model, cutoff, window, [*map(str, said.get("trained_languages", ()))])


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return str(error.strerror)
    missing = f"no {error} in it" if isinstance(error, KeyError) else str(error)
    return f"no description of a microWakeWord model ({missing})"


class Model:
    """One wake word, listening.  ``sensitivity``: 0 (hardly ever) to 1 (at a guess).

    0.4 is where whoever trained the model put its mark; in a room, and over the speaker, a bit
    more hears words that would be missed (docs/hearing.md).  Raises UsageError, which begins with
    ``key``, where the file cannot be used.
    """

    def __init__(self, key: str, word: str, sensitivity: float = 0.5) -> None:
        files = find(key, word)
        _check(key, files.path)
        self.name = files.name
        self.lag_s = LAG_S.get(files.name, OTHER_LAG_S)
        self.cutoff = cutoff(files.cutoff, sensitivity)  #: a score above it is a hit
        self.score = 0.0  #: the newest
        try:
            self._model = MicroWakeWord(
                files.name,
                wake_word=files.name,
                tflite_model=files.path,
                probability_cutoff=self.cutoff,
                sliding_window_size=files.window,
                trained_languages=[],
                libtensorflowlite_c_path=_library(),
            )
        except (ValueError, RuntimeError) as error:
            raise UsageError(f"{key}: {files.path}: {error}") from None
        self._probe(key, files.path)
        self._rows, self._over = 0, False

    def _probe(self, key: str, path: Path) -> None:
        """Whether it really runs, and takes and gives what a wake word model does."""
        model, lib = self._model, self._model.lib
        sizes = [lib.TfLiteTensorByteSize(t) for t in (model.input_tensor, model.output_tensor)]
        runs = not lib.TfLiteInterpreterAllocateTensors(model.interpreter)
        if not runs or sizes != [model.stride * ROW, 1]:
            raise UsageError(f"{key}: {path}: a model, but none of a wake word (microWakeWord)")

    def feed(self, row: Any) -> bool:
        """Take the features of 10 ms; whether the word was heard just now, once for each time."""
        score = self._model.process_streaming_prob(row)
        self._rows += 1
        if self._rows % self._model.stride or score is None:
            return False
        self.score = float(score)
        was, self._over = self._over, self.score > self.cutoff * (0.5 if self._over else 1.0)
        return self._over and not was


def cutoff(own: float, sensitivity: float) -> float:
    """The mark for ``sensitivity``, where a model's ``own`` is that for 0.4."""
    odds = math.log(own / (1 - own)) + (_OWN - sensitivity) * _STEEPNESS
    return min(_STRICTEST, 1 / (1 + math.exp(-odds)))


def features() -> MicroWakeWordFeatures:
    """What makes rows of features of the sound; one serves several models."""
    return MicroWakeWordFeatures()


def _library() -> Path:
    return next((_PACKAGE / "lib").glob("*tensorflowlite_c.*"))


def _check(key: str, path: Path) -> None:
    """TensorFlow Lite itself goes down with what is no model."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise UsageError(f"{key}: {path}: {error.strerror}") from None
    lib = TfLiteWakeWord(_library()).lib
    made = None
    if head[4:] == b"TFL3" and size <= _LARGEST:
        made = lib.TfLiteModelCreateFromFile(str(path).encode())
    if not made:
        raise UsageError(f"{key}: {path}: no model of TensorFlow Lite, or a damaged one")
    lib.TfLiteModelDelete(made)
