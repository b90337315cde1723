"""Youdao's languages (section on supported languages) and the engine's codes for them."""

from __future__ import annotations

LANGUAGES = {
    "zh-CHS": "zh", "en": "en", "en-AUS": "en", "en-GBR": "en", "en-IND": "en", "ja": "ja",
    "ko": "ko", "fr": "fr", "es": "es", "pt": "pt", "ru": "ru", "de": "de", "ar": "ar",
    "id": "id", "ca": "ca", "cs": "cs", "da": "da", "el": "el", "fi": "fi", "fr-CAN": "fr",
    "he": "he", "hi": "hi", "hu": "hu", "it": "it", "nl": "nl", "no": "no", "pl": "pl",
    "pt-BRA": "pt", "ro": "ro", "sk": "sk", "sv": "sv", "th": "th", "tr": "tr", "yue": "yue",
    "zh-TWN": "zh",
}  # fmt: skip

AUTO = "auto"
"""As a source: Chinese or English. The document has the feature and no code for it; this is the
usual one of Youdao's interfaces."""

ONLY_WITH_CHINESE = ("id",)
"""Indonesian (and Vietnamese, which is not in the table) goes with Chinese only."""
