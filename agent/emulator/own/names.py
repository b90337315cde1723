"""Languages by their English names, as prompts have them."""

from __future__ import annotations

import re

CODES = {
    "Arabic": "ar", "Cantonese": "yue", "Catalan": "ca", "Chinese": "zh", "Dutch": "nl",
    "English": "en", "French": "fr", "German": "de", "Hindi": "hi", "Indonesian": "id",
    "Italian": "it", "Japanese": "ja", "Korean": "ko", "Malay": "ms", "Polish": "pl",
    "Portuguese": "pt", "Russian": "ru", "Spanish": "es", "Thai": "th", "Turkish": "tr",
    "Ukrainian": "uk", "Vietnamese": "vi",
}  # fmt: skip

_NAME = re.compile(rf"\b({'|'.join(CODES)})\b")


def languages_in(prompt: str) -> list[str]:
    """The codes of the languages a prompt names, in its order."""
    return [CODES[name] for name in _NAME.findall(prompt)]
