"""What other people's text may still do after `plain`: nothing but be read."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onionchat.control.limits import MAX_NAME
from onionchat.control.text import MAX_MARKS, plain

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
NASTY = st.text(
    st.sampled_from("\x1b[]P_^X\\\x07\x9b\x9c\x9d\x90;m2J\n\r\t\x85\u2028a \u0301\u20dd\u200d\u200c\u0645")
    | st.sampled_from("\u202e\u2066\u200b\ufeff\ufe0f\u3164\u2800\U000e0041\ud800\x00\u00a8\u0915\u094d"),
    max_size=40,
)


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        pytest.param("a\x1b[2Jb", "ab", id="csi"),
        pytest.param("a\x1b[38;2;1;2;3mb\x1b[0m", "ab", id="csi-colour"),
        pytest.param("a\x1b[?1049hb", "ab", id="csi-private"),
        pytest.param("a\x1b[1 qb", "ab", id="csi-intermediate"),
        pytest.param("a\x9b31mb", "ab", id="csi-c1"),
        pytest.param("a\x1b]0;title\x07b", "ab", id="osc-title-bel"),
        pytest.param("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb", id="osc-8"),
        pytest.param("a\x1b]52;c;cm0gLXJm\x07b", "ab", id="osc-52"),
        pytest.param("a\x9d52;c;cm0=\x9cb", "ab", id="osc-c1"),
        pytest.param("a\x1bP1$r0m\x1b\\b", "ab", id="dcs"),
        pytest.param("a\x90qsixel\x9cb", "ab", id="dcs-c1"),
        pytest.param("a\x1b_Gkitty\x1b\\b", "ab", id="apc"),
        pytest.param("a\x1b^pm\x1b\\b", "ab", id="pm"),
        pytest.param("a\x1bXsos\x1b\\b", "ab", id="sos"),
        pytest.param("a\x1bcb", "ab", id="reset"),
        pytest.param("a\x1b(0b", "ab", id="charset"),
        pytest.param("a\x1b#8b", "ab", id="alignment"),
        pytest.param("a\x1b]52;c;rest is shown", "a52;c;rest is shown", id="osc-without-end"),
        pytest.param("a\x1b[12", "a12", id="csi-without-end"),
        pytest.param("a\x1b", "a", id="escape-alone"),
        pytest.param("a\x00\x07\x08\x0e\x7fb", "ab", id="c0"),
        pytest.param("a\x84\x8d\x8fb", "ab", id="c1"),
        pytest.param("\u202eabc\u202c\u2066d\u2069\u200ee\u200ff\u061cg", "abcdefg", id="bidi"),
        pytest.param("a\u200b\u2060\ufeff\u00ad\u180e\u2063b", "ab", id="zero-width"),
        pytest.param("a\u115f\u3164\uffa0\u034f\ufe0fb", "ab", id="invisible-letters"),
        pytest.param("a\U000e0041\U000e007f\U000e0100b", "ab", id="tags"),
        pytest.param("a\ud83d-\ude00b", "a\ufffd-\ufffdb", id="lone-surrogates"),
        pytest.param("a\ue000\U0010fffd\uffff\u0378b", "a\ufffd\ufffd\ufffd\ufffdb", id="unknown"),
        pytest.param(
            "one\rtwo\r\nthree\x85four\u2028five\x0bsix", "one\ntwo\nthree\nfour\nfive\nsix", id="breaks"
        ),
        pytest.param("a\tb", "a    b", id="tab"),
        pytest.param("a" + "\u0301" * 50 + "b", "a" + "\u0301" * MAX_MARKS + "b", id="marks"),
        pytest.param("\u0301a\n\u0301b \u0301c", "a\nb c", id="marks-without-base"),
        pytest.param("[red]a[/red] [@click=app.quit]b[/]", "[red]a[/red] [@click=app.quit]b[/]", id="markup"),
    ],
)
def test_hostile_text(given_text: str, shown: str) -> None:
    assert plain(given_text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Grüße, žluťoučký kůň, Ελληνικά, русский",
        "שלום עולם, مرحبا بالعالم",
        "می\u200cخواهم",
        "क्\u200dष और श्\u200cर",
        "日本語　テキスト 한국어 ไทย ที่นี่",
        "😀 👍🏽 🇩🇪 🪿",
        "e\u0301 and tie\u0302\u0301ng",
        "\u06dd \u0600",
        "line one\n\n  indented",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    assert plain(text) == text


def test_joiners_go_where_no_script_needs_them() -> None:
    assert plain("a\u200cb \u200d\u200dc \u0645\u200d") == "ab c \u0645"
    assert plain("👩\u200d🚀 ❤\ufe0f") == "👩🚀 ❤"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("  Ada\u00a0\u3000 \u2800Byron \n", "Ada Byron", id="white-space"),
        pytest.param("Ａｄａ", "Ada", id="fullwidth"),
        pytest.param("𝐀𝐝𝐚", "Ada", id="mathematical"),
        pytest.param("A\u200cda\u200b", "Ada", id="invisible"),
        pytest.param("می\u200cخواهم", "میخواهم", id="joiner"),
        pytest.param("Zoe\u0308", "Zo\u00eb", id="composed"),
        pytest.param("Ada\x1b]0;x\x07\r\nyou: hi", "Ada you: hi", id="second-line"),
        pytest.param("\u202e\u200b \u3164", "", id="nothing-left"),
        pytest.param("n" * 500, "n" * MAX_NAME, id="length"),
        pytest.param("n" * (MAX_NAME - 1) + " tail", "n" * (MAX_NAME - 1), id="length-at-blank"),
    ],
)
def test_names(name: str, shown: str) -> None:
    assert plain(name, multiline=False) == shown


@given(ANY_TEXT | NASTY)
@example("\x1b\x1b[2J[2J")
@example("\u1100\u1160\u0301" * 3)
def test_nothing_that_acts_is_left(text: str) -> None:
    shown = plain(text)
    assert plain(shown) == shown
    shown.encode()  # no lone surrogate
    for character in shown:
        assert character == "\n" or unicodedata.category(character) not in {"Cc", "Cs", "Co", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in {
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        }  # fmt: skip
        assert character not in "\u200b\u200e\u200f\u2060\ufeff\u3164"


@given(ANY_TEXT | NASTY)
def test_a_name_is_one_short_line(text: str) -> None:
    name = plain(text, multiline=False)
    assert plain(name, multiline=False) == name
    assert len(name) <= MAX_NAME
    assert name == name.strip()
    assert "\n" not in name
    assert "  " not in name
