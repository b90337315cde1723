"""Youdao's error codes ("错误代码列表") that a client of speech translation can meet.

The list is shared by all of Youdao's services; those of pictures are left out.  The
same mishap has a code in each speech service (3, 4, 9, 11).
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.events import About

_GENERAL: Mapping[int, str] = {
    101: "a mandatory field is missing or misspelt",
    102: "the language is not supported",
    103: "the text to translate is too long",
    104: "the kind of API is not supported",
    105: "the kind of signature is not supported",
    106: "the kind of response is not supported",
    107: "the kind of encryption is not supported",
    108: "the application id (app_key) is not valid",
    110: "the application is bound to no instance of this service"
    " (the spoken translation needs one of speech synthesis)",
    111: "the developer account is not valid",
    112: "the service asked for is not valid",
    113: "the sound is empty",
    201: "the upload could not be decoded",
    202: "the signature is wrong: check app_key and app_secret",
    203: "this IP address is not among those allowed for the application",
    205: "the application was made for another platform than API",
    206: "the time stamp is not valid: check the device's clock",
    207: "the request was repeated",
    301: "the dictionary look-up failed",
    302: "the translation failed",
    303: "the service failed",
    304: "the session was idle for too long",
    401: "the account is out of credit",
    411: "too many requests: try later",
    412: "too many long requests: try later",
}

_SYNTHESIS: Mapping[int, str] = {
    2003: "speech synthesis does not support the language",
    2004: "the text to speak is too long",
    2005: "speech synthesis does not support the sound format",
    2006: "speech synthesis does not have this voice",
    2201: "the request for speech could not be decoded",
    2301: "speech synthesis failed",
    2411: "too many requests for speech: try later",
    2412: "too many characters were to be spoken",
}

_SPEECH: Mapping[int, str] = {
    1: "the sound format is not supported",
    2: "the sample rate is not supported",
    3: "the number of channels is not supported",
    4: "the kind of upload is not supported",
    5: "the language is not supported",
    201: "the sound could not be decoded",
    301: "the speech could not be recognised",
    303: "the service failed",
    411: "too many requests: try later",
}

_TRANSLATION: Mapping[int, str] = {
    3006: "the kind of recognition is not supported",
    3007: "the sound file is too large",
    3008: "the sound is too long",
    3009: "the kind of sound file is not supported",
    3010: "the voice is not supported",
    3302: "the speech could not be translated",
    3412: "too many characters were requested",
}

_RECOGNITION: Mapping[int, str] = {
    4006: "the sound file is too large",
    4007: "the sound is too long",
    4412: "too much sound was requested",
    9412: "too much sound was requested",
    11006: "the sound file is too large",
    11007: "the sound is too long, 30 s at most",
    11412: "too much sound was requested",
}


def _families() -> dict[int, str]:
    codes = {base + n: words for base in (3000, 4000, 9000, 11000) for n, words in _SPEECH.items()}
    del codes[9201]  # the one gap in the list
    return codes


#: What each code means.
MESSAGES: Mapping[str, str] = {
    str(code): words
    for table in (_GENERAL, _SYNTHESIS, _families(), _TRANSLATION, _RECOGNITION)
    for code, words in table.items()
}

_FAMILIES = (3000, 4000, 9000, 11000)

_CLOCK = "206"
_LIMIT = frozenset({"411", "412", "2411"} | {str(base + 411) for base in _FAMILIES})
#: Too long, too large, in a wrong format, empty, not to be decoded or recognised.
_RECORDING = frozenset(
    {"113", "3007", "3008", "3009", "4006", "4007", "11006", "11007"}
    | {str(base + n) for base in _FAMILIES for n in (1, 2, 3, 201, 301)}
) & frozenset(MESSAGES)

#: The codes a later attempt, with a new salt and time, may mend: load, faults, repetition.
RETRYABLE = (
    _LIMIT
    | {_CLOCK, "207", "302", "303", "304", "2301", "3302"}
    | {str(base + 303) for base in _FAMILIES}
)

#: Not failures: nothing was said, or nothing that could be understood.
NOTHING_HEARD = frozenset({"3301", "4301", "9301", "11301"})


def blamed(code: str) -> About:
    """What a code blames: our clock, the number of requests, the sound."""
    if code == _CLOCK:
        return "clock"
    return "limit" if code in _LIMIT else "recording" if code in _RECORDING else ""
