"""Language codes: what users write, what documents list, what is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.services import (
    maas,
    maas_fast_asr,
    maas_speech,
    tencent_interpreter,
    tencent_speech_translate,
    tencent_tsi,
    youdao,
    youdao_stream,
)
from agent.services.locales import choose, choose_pair

LISTS = [maas_fast_asr.LANGUAGES, maas_speech.LANGUAGES, tencent_tsi.LANGUAGES, youdao.LANGUAGES]


@pytest.mark.parametrize(
    ("wanted", "listed", "meant"),
    [
        ("zh", maas_speech.LANGUAGES, "zh-CN"),
        ("zh-tw", maas_speech.LANGUAGES, "zh-TW"),
        ("yue", maas_speech.LANGUAGES, "zh-HK"),
        ("en", maas_speech.LANGUAGES, "en-US"),
        ("en", maas_fast_asr.LANGUAGES, "en-US"),
        ("es", maas_fast_asr.LANGUAGES, "es-ES"),
        ("ja", maas_fast_asr.LANGUAGES, "ja-JP"),
        ("no", maas_speech.LANGUAGES, "nb-NO"),
        ("en-US", tencent_tsi.LANGUAGES, "en"),
        ("ZH-cn", tencent_tsi.LANGUAGES, "zh"),
        ("de-AT", youdao.LANGUAGES, "de"),
    ],
)
def test_what_is_meant(wanted: str, listed: tuple[str, ...], meant: str) -> None:
    assert choose("s", wanted, listed, maas.LOCALES) == meant


@pytest.mark.parametrize(
    ("wanted", "listed", "words"),
    [
        ("en-GB", maas_fast_asr.LANGUAGES, "'en-GB'; did you mean en-IN or en-US?"),
        ("ru", maas_fast_asr.LANGUAGES, "'ru'; it takes de, en, es, fr, hi, it, ja, ko, pt, zh"),
        ("jp", tencent_tsi.LANGUAGES, "'jp'; did you mean ja?"),
        ("zh-SG", youdao.LANGUAGES, "'zh-SG'; did you mean zh-CHS or zh-TWN?"),
        ("x" * 99, tencent_tsi.LANGUAGES, "'xxxxxxxxxxxxxxxxxxxx'; it takes zh, en, ja, ko, yue"),
    ],
)
def test_what_is_refused(wanted: str, listed: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError) as error:
        choose("s", wanted, listed, maas.LOCALES)
    assert str(error.value) == f"s does not take the language {words}"


@pytest.mark.parametrize("listed", LISTS)
def test_every_listed_code_means_itself(listed: tuple[str, ...]) -> None:
    for aliases in (None, maas.LOCALES):
        assert [choose("s", code.upper(), listed, aliases) for code in listed] == list(listed)
    assert len(set(listed)) == len(listed)


@given(st.text(max_size=30), st.sampled_from(LISTS))
def test_only_listed_codes_come_out(wanted: str, listed: tuple[str, ...]) -> None:
    with contextlib.suppress(UsageError):
        assert choose("s", wanted, listed, maas.LOCALES) in listed


# --- pairs -----------------------------------------------------------------------------------

TABLES = [
    tencent_interpreter.TARGETS,
    tencent_speech_translate.TARGETS,
    tencent_tsi.TARGETS,
    youdao_stream.TARGETS,
]
tables = pytest.mark.parametrize("table", TABLES)


@tables
def test_every_listed_pair_means_itself(table: dict[str, tuple[str, ...]]) -> None:
    for source, targets in table.items():
        assert choose_pair("s", (source.upper(), None), table) == (source, source)
        for target in (source, *targets):
            assert choose_pair("s", (source, target.upper()), table) == (source, target)


@tables
@given(st.data())
def test_any_other_pair_is_refused_with_what_its_source_goes_to(
    table: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    source = data.draw(st.sampled_from(sorted(table)))
    target = data.draw(st.sampled_from(sorted(table)) | st.text(max_size=8))
    with contextlib.suppress(UsageError):
        assert choose_pair("s", (source, target), table)[1] in (source, *table[source])
        return
    with pytest.raises(UsageError) as caught:
        choose_pair("s", (source, target), table)
    assert str(caught.value).endswith(f"it translates to {', '.join(table[source])}")
    assert target not in (source, *table[source])
