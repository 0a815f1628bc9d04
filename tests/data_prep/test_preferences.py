"""Preference pairs from upvotes and from ratings, what leaks out of them, and what tells the chosen reply. All invented."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from data_prep import preferences, table
from data_prep.preferences import Balance, balance, leaking, leave_out, markdown, warmth
from data_prep.sources.ratings import schema
from data_prep.withdrawal import read as withdrawals
from wellgate.errors import InputError
from wellgate.plugins import Source, load
from wellgate.records import Conversation, Message, Preference, Rejected

FUZZ = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PLANTED = "Zebulon"
"""Stands in the texts of bad rows, and must stand in no reason."""
COLUMNS = ["questionID", "questionTitle", "questionText", "topic", "therapistURL", "answerText", "upvotes"]
Cells = dict[str, str]


def read(use: str, path: Path, **options: Any) -> list[Any]:
    source = load(Source, use).model_validate({"use": use, "path": str(path), **options})  # type: ignore[type-abstract]
    rows = list(source.rows())
    assert PLANTED not in str([row for row in rows if isinstance(row, Rejected)])
    return rows


def pairs(rows: Sequence[Any]) -> list[Preference]:
    return [row for row in rows if isinstance(row, Preference)]


def reasons(rows: Sequence[Any]) -> list[tuple[str, int, str]]:
    return [(row.step, row.line, row.reason) for row in rows if isinstance(row, Rejected)]


# --- counsel_chat_pairs ----------------------------------------------------------------------------------------------


def answer(question: int, author: int, upvotes: int | str, text: str = "", **cells: str) -> Cells:
    return {
        "questionID": str(question),
        "questionTitle": f"Is it odd to talk to my plants, part {question}?",
        "questionText": "They have names.",
        "topic": "plants",
        "therapistURL": f"https://forum.example.org/t/invented-person-{author}",
        "answerText": text or f"Author {author} thinks that plants like company, in question {question}.",
        "upvotes": str(upvotes),
        **cells,
    }


def write_csv(folder: Path, rows: Sequence[Cells]) -> Path:
    path = folder / "20200325_counsel_chat.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def from_votes(folder: Path, rows: Sequence[Cells], **options: Any) -> list[Any]:
    return read("counsel_chat_pairs", write_csv(folder, rows), **{"max_author_share": 1, **options})


def test_the_answer_with_more_upvotes_is_chosen(tmp_path: Path) -> None:
    (pair,) = from_votes(tmp_path, [answer(1, 1, 1), answer(1, 2, 5)])
    assert (pair.id, pair.reason) == ("counsel_chat_pairs/1-0", "upvotes 5 to 1")
    assert pair.chosen.startswith("Author 2")
    assert pair.rejected.startswith("Author 1")
    assert pair.tags == ("topic:plants", "upvotes_apart:4", "parent:counsel_chat/1", "parent:counsel_chat/0")
    assert (pair.licence, pair.consent) == ("MIT", "published (train, evaluate), authors not asked")
    assert "invented" not in str(pair)


def test_prompt_group_and_parents_are_those_of_counsel_chat(tmp_path: Path) -> None:
    """Else a pair would be on another side of the split than the conversation with its chosen answer."""
    path = write_csv(tmp_path, [answer(1, 1, 0), answer(1, 2, 3, questionText=" They  have names. ")])
    talks = {record.id: record for record in read("counsel_chat", path)}
    (pair,) = read("counsel_chat_pairs", path)
    chosen, rejected = (talks[tag.removeprefix("parent:")] for tag in pair.tags if tag.startswith("parent:"))
    assert (pair.group, pair.prompt) == (chosen.group, chosen.messages[:1])
    assert (pair.chosen, pair.rejected) == (chosen.messages[1].content, rejected.messages[1].content)


@pytest.mark.parametrize(
    ("rows", "options", "found"),
    [
        ([answer(1, 1, 3), answer(1, 2, 2)], {}, 0),
        ([answer(1, 1, 3), answer(1, 2, 2)], {"min_votes_apart": 1}, 1),
        ([answer(1, 1, 9), answer(1, 1, 0, "The same person again, in other words.")], {}, 0),
        ([answer(1, 1, 9), answer(2, 2, 0)], {}, 0),
        ([answer(1, 1, 9, "one two three"), answer(1, 2, 0, "one two")], {}, 1),
        ([answer(1, 1, 9, "one two three four"), answer(1, 2, 0, "one two")], {}, 0),
        ([answer(1, 1, 9, "one two"), answer(1, 2, 0, "one two three four")], {}, 0),
        ([answer(1, 1, 9, "one two"), answer(1, 2, 0, "one two three four")], {"max_length_ratio": 2}, 1),
        ([answer(1, 1, 9, "Water them."), answer(1, 2, 0, "water  THEM.")], {}, 0),
        ([answer(1, 1, ""), answer(1, 2, " 2 ")], {}, 1),
    ],
)
def test_what_may_be_a_pair(tmp_path: Path, rows: list[Cells], options: dict[str, Any], found: int) -> None:
    assert len(pairs(from_votes(tmp_path, rows, **options))) == found


def test_a_question_gives_few_pairs_and_an_answer_stands_in_one(tmp_path: Path) -> None:
    rows = [answer(1, author, 10 * author) for author in range(8)]
    for most, found in ((1, 1), (3, 3), (9, 4)):
        taken = pairs(from_votes(tmp_path, rows, pairs_per_question=most))
        texts = [text for pair in taken for text in (pair.chosen, pair.rejected)]
        assert len(taken) == found
        assert len(set(texts)) == len(texts)
    assert taken[0].reason == "upvotes 70 to 0", "the clearest first"


def star(winner_loses: bool = False) -> list[Cells]:
    """Twenty questions. In each one author meets another one, and always wins, or always loses."""
    ahead, behind = (0, 5) if winner_loses else (5, 0)
    return [row for number in range(20) for row in (answer(number, 0, ahead), answer(number, number + 1, behind))]


@pytest.mark.parametrize("always_loses", [False, True])
def test_no_author_wins_or_loses_more_than_a_share(tmp_path: Path, always_loses: bool) -> None:
    others = [answer(100 + n, 50 + n + (n % 2) * 50, 3) for n in range(30)]
    others += [answer(100 + n, 150 + n, 0) for n in range(30)]
    assert len(pairs(from_votes(tmp_path, [*star(always_loses), *others]))) == 50
    for share, of_star in ((0.2, 7), (0.1, 3), (0.001, 1)):
        taken = pairs(from_votes(tmp_path, [*star(always_loses), *others], max_author_share=share))
        side = "rejected" if always_loses else "chosen"
        assert sum(getattr(pair, side).startswith("Author 0 ") for pair in taken) == of_star
        assert len(taken) == 30 + of_star


AUTHORS, VOTES = st.integers(0, 5), st.integers(-2, 9)


@FUZZ
@given(
    st.lists(st.tuples(st.integers(0, 4), AUTHORS, VOTES, st.integers(1, 12)), max_size=40),
    st.integers(1, 4),
    st.integers(1, 3),
    st.floats(0.05, 1),
)
def test_every_pair_keeps_every_rule_and_every_row_is_told_of(
    tmp_path: Path, wild: list[tuple[int, int, int, int]], apart: int, most: int, share: float
) -> None:
    rows = [answer(question, author, votes, "plant " * words) for question, author, votes, words in wild]
    options = {"min_votes_apart": apart, "pairs_per_question": most, "max_author_share": share}
    found = from_votes(tmp_path, rows, **options)
    taken = pairs(found)
    used = [int(number) for pair in taken for number in pair.id.partition("/")[2].split("-")]
    assert len(set(used)) == len(used)
    assert len(used) + len(reasons(found)) == len(rows)
    for pair in taken:
        better, worse = (wild[int(number)] for number in pair.id.partition("/")[2].split("-"))
        assert better[0] == worse[0]
        assert better[1] != worse[1]
        assert better[2] - worse[2] >= apart
        assert max(better[3], worse[3]) <= 1.5 * min(better[3], worse[3])
    assert all(number <= most for number in Counter(pair.prompt for pair in taken).values())
    won = Counter(pair.group for pair in taken)
    assert all(number <= max(1, share * len(taken)) for number in won.values())


def test_bad_rows_are_told_from_rows_without_a_pair(tmp_path: Path) -> None:
    rows = [
        answer(1, 1, 5),
        answer(1, 2, 0),
        answer(1, 1, 5),
        answer(2, 3, 0),
        answer(3, 4, 0),
        answer(3, 5, 1),
        answer(4, 6, PLANTED),
        answer(5, 7, 3, "  "),
        answer(6, 8, 9, f"{PLANTED}\x00"),
        answer(7, 1, 9),
        answer(7, 9, 8),
        answer(7, 2, 0),
    ]
    found = from_votes(tmp_path, rows)
    assert {pair.id for pair in pairs(found)} == {"counsel_chat_pairs/0-1", "counsel_chat_pairs/9-11"}
    assert sorted(reasons(found), key=lambda one: one[1]) == [
        ("pair", 4, "repeats an earlier answer to its question"),
        ("pair", 5, "the only answer to its question"),
        ("pair", 6, "no answer by another author far enough in upvotes and near enough in length"),
        ("pair", 7, "no answer by another author far enough in upvotes and near enough in length"),
        ("read", 8, "upvotes is no whole number"),
        ("read", 9, "empty turn (content)"),
        ("read", 10, "NUL byte"),
        ("pair", 12, "its question, its author or the answers it could stand with are in enough pairs"),
    ]


def test_a_withdrawn_answer_takes_its_pair_along(tmp_path: Path) -> None:
    path = write_csv(tmp_path, [answer(1, 1, 5), answer(1, 2, 0)])
    (pair,) = read("counsel_chat_pairs", path)
    listed = tmp_path / "withdrawn.txt"
    for entry, covered in (("counsel_chat/0", True), ("counsel_chat/1", True), ("counsel_chat/2", False)):
        listed.write_text(entry, encoding="utf-8")
        assert withdrawals(listed).covers(pair) == covered


@pytest.mark.parametrize(
    "options",
    [
        {"min_votes_apart": 0},
        {"min_votes_apart": 1.5},
        {"max_length_ratio": 0.9},
        {"pairs_per_question": 0},
        {"max_author_share": 0},
        {"max_author_share": 1.1},
        {"min_votes": 2},
    ],
)
def test_wrong_options_of_the_votes_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        from_votes(tmp_path, [answer(1, 1, 5)], **options)


def test_a_missing_column_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("questionID,questionTitle\n1,x\n", encoding="utf-8")
    with pytest.raises(InputError, match="missing column questionText"):
        read("counsel_chat_pairs", path)


# --- ratings ---------------------------------------------------------------------------------------------------------

TERMS = {"licence": "CC-BY-4.0", "consent": "consented"}


def rating(rater: int, warmth: float, safety: float, role: str = "clinician") -> dict[str, Any]:
    return {"rater": f"r{rater}", "role": role, "scores": {"warmth": warmth, "safety": safety}}


def rated(*replies: list[dict[str, Any]], scale: str = "0-5", **fields: Any) -> dict[str, Any]:
    """A row whose replies a, b, c ... have these ratings."""
    return {
        "id": "t-1",
        "prompt": [{"role": "user", "content": "My fern looks at me."}],
        "scale": scale,
        "criteria": ["warmth", "safety"],
        "replies": [
            {"id": name, "text": f"Reply {name} about ferns.", "ratings": some}
            for name, some in zip("abcdef", replies, strict=False)
        ],
        **fields,
    }


def write_rated(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path = folder / "rated.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def from_ratings(folder: Path, *rows: dict[str, Any], **options: Any) -> list[Any]:
    return read("ratings", write_rated(folder, rows), **{**TERMS, **options})


CLEAR = (
    [rating(1, 5, 4), rating(2, 4, 4, "lived-experience")],
    [rating(1, 2, 2), rating(2, 3, 3, "lived-experience")],
)


def test_the_better_rated_reply_is_chosen(tmp_path: Path) -> None:
    (pair,) = from_ratings(tmp_path, rated(*CLEAR, tags=["ferns"], group="client-9", language="en"))
    assert (pair.id, pair.group, pair.source) == ("rated/t-1:a-b", "rated/client-9", "rated")
    assert (pair.chosen, pair.rejected) == ("Reply a about ferns.", "Reply b about ferns.")
    assert pair.reason == "mean rating 4.2 to 2.5 on a scale of 0-5, preferred by 2 of 2 raters"
    assert pair.tags == ("ferns", "raters:2", "rated_by:clinician", "rated_by:lived-experience")
    assert (pair.licence, pair.consent) == ("CC-BY-4.0", "consented")
    (swapped,) = from_ratings(tmp_path, rated(*CLEAR[::-1]))
    assert swapped.id == "rated/t-1:b-a"


def test_a_row_may_state_its_own_terms_and_a_group_that_is_text_is_hashed(tmp_path: Path) -> None:
    own = {"licence": "CC0-1.0", "consent": "synthetic", "language": "es", "group": f"{PLANTED} from next door"}
    (pair,) = from_ratings(tmp_path, rated(*CLEAR, **own))
    assert (pair.licence, pair.consent, pair.language) == ("CC0-1.0", "synthetic", "es")
    assert PLANTED not in pair.group


@pytest.mark.parametrize(
    ("options", "replies", "scale", "found"),
    [
        ({}, ([rating(1, 4, 4)], [rating(1, 2, 2)]), "0-5", 0),
        ({"min_raters": 1}, ([rating(1, 4, 4)], [rating(1, 2, 2)]), "0-5", 1),
        ({"min_raters": 1}, ([rating(1, 4, 4)], [rating(2, 2, 2)]), "0-5", 0),
        ({"min_raters": 1}, ([rating(1, 4, 4)], [rating(1, 3, 3)]), "0-5", 1),
        ({"min_raters": 1}, ([rating(1, 4, 4)], [rating(1, 3, 3)]), "1-7", 0),
        ({"min_raters": 1}, ([rating(1, 4, 4)], [rating(1, 3, 2.6)]), "1-7", 1),
        ({"min_raters": 1, "min_difference": 0}, ([rating(1, 4, 4)], [rating(1, 4, 4)]), "0-5", 0),
        ({"min_raters": 1, "min_difference": 0, "min_agreement": 0}, ([rating(1, 4, 4)], [rating(1, 4, 4)]), "0-5", 0),
        ({"min_raters": 1, "criteria": ["warmth"]}, ([rating(1, 5, 0)], [rating(1, 1, 5)]), "0-5", 1),
        ({"min_raters": 1, "never_worse": ["safety"]}, ([rating(1, 5, 3)], [rating(1, 1, 3)]), "0-5", 1),
        ({"min_raters": 1, "never_worse": ["safety"]}, ([rating(1, 5, 2)], [rating(1, 1, 3)]), "0-5", 0),
        ({"roles": ["clinician"]}, CLEAR, "0-5", 0),
        ({"roles": ["clinician", "lived-experience"]}, CLEAR, "0-5", 1),
    ],
)
def test_the_rule_from_ratings_to_pairs(
    tmp_path: Path, options: dict[str, Any], replies: tuple[list[Any], ...], scale: str, found: int
) -> None:
    rows = from_ratings(tmp_path, rated(*replies, scale=scale), **options)
    assert len(pairs(rows)) == found
    assert found or reasons(rows) == [
        ("pair", 1, "no two replies that enough raters hold apart far enough and agree on")
    ]


@pytest.mark.parametrize(("agreement", "found"), [(0.5, 1), (0.6, 1), (0.67, 0), (1, 0)])
def test_raters_must_agree(tmp_path: Path, agreement: float, found: int) -> None:
    """Two of three prefer a clearly, the third has a tie: the mean alone would not show it."""
    scores = ([5, 5, 3], [1, 1, 3])
    replies = [[rating(number, value, value) for number, value in enumerate(some)] for some in scores]
    assert len(pairs(from_ratings(tmp_path, rated(*replies), min_agreement=agreement))) == found


def test_a_strict_rater_of_one_reply_does_not_make_it_worse(tmp_path: Path) -> None:
    """Rater 3 rates everything low and saw only a; by those who saw both, a is better."""
    replies = ([rating(1, 4, 4), rating(2, 4, 4), rating(3, 0, 0)], [rating(1, 3, 3), rating(2, 3, 3)])
    (pair,) = from_ratings(tmp_path, rated(*replies))
    assert pair.id.endswith("a-b")
    assert "raters:2" in pair.tags


def test_ratings_without_all_criteria_do_not_count(tmp_path: Path) -> None:
    replies = [[rating(1, 5, 5)], [rating(1, 1, 1)]]
    del replies[1][0]["scores"]["safety"]
    assert not pairs(from_ratings(tmp_path, rated(*replies), min_raters=1))
    assert pairs(from_ratings(tmp_path, rated(*replies), min_raters=1, criteria=["warmth"]))


def test_the_clearest_pairs_first_and_each_reply_once(tmp_path: Path) -> None:
    replies = [[rating(1, score, score)] for score in (5, 3, 2, 0)]
    for most, found in ((1, ["a-d"]), (5, ["a-d", "b-c"])):
        taken = from_ratings(tmp_path, rated(*replies), min_raters=1, pairs_per_prompt=most)
        assert [pair.id.partition(":")[2] for pair in taken] == found


def test_a_criterion_that_nobody_rated_is_a_bad_row(tmp_path: Path) -> None:
    assert reasons(from_ratings(tmp_path, rated(*CLEAR), never_worse=["candour"])) == [
        ("read", 1, "a criterion that the recipe counts was not rated")
    ]


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """A good row with one value replaced."""
    row = json.loads(json.dumps(rated(*CLEAR)))
    place: Any = row
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return dict(row)


RATING = ("replies", 0, "ratings", 0)
BAD = [
    (changed("scale", to="0-10"), "literal_error (scale)"),
    (changed("scale", to="1-7") | {"replies": changed(*RATING, "scores", "warmth", to=0)["replies"]}, "outside the"),
    (changed(*RATING, "scores", "warmth", to=6), "a score outside the scale"),
    (changed(*RATING, "scores", "warmth", to="5"), "float_type (replies.0.ratings.0.scores)"),
    (changed(*RATING, "scores", "warmth", to=True), "float_type (replies.0.ratings.0.scores)"),
    (changed(*RATING, "scores", "warmth", to=float("nan")), "finite_number (replies.0.ratings.0.scores)"),
    (changed(*RATING, "scores", PLANTED, to=5), "string_pattern_mismatch (replies.0.ratings.0.scores)"),
    (changed(*RATING, "scores", "zeal", to=5), "a score for something that is not among the criteria"),
    (changed(*RATING, "scores", to={}), "too_short (replies.0.ratings.0.scores)"),
    (changed(*RATING, "rater", to=PLANTED), "string_pattern_mismatch (replies.0.ratings.0.rater)"),
    (changed(*RATING, "role", to=PLANTED), "literal_error (replies.0.ratings.0.role)"),
    (changed(*RATING, "rater", to="r2"), "a rater rates a reply twice"),
    (changed(*RATING, "role", to="layperson"), "a rater has two roles"),
    (changed("replies", 1, "id", to="a"), "two replies have one id"),
    (changed("replies", to=[]), "too_short (replies)"),
    (changed("replies", 0, "text", to=" "), "string_pattern_mismatch (replies.0.text)"),
    (changed("replies", 0, "name", to=PLANTED), "extra_forbidden (replies.0)"),
    (changed("prompt", to=[]), "too_short (prompt)"),
    (changed("prompt", 0, "role", to=PLANTED), "literal_error (prompt.0.role)"),
    (changed(PLANTED, to=PLANTED), "extra_forbidden"),
    (changed("id", to=f"{PLANTED} x"), "string_pattern_mismatch (id)"),
    (changed("prompt", 0, "role", to="assistant"), "the first turn is not the user's"),
    (changed("replies", 1, "text", to="Reply a about ferns."), "chosen and rejected are equal"),
]


@pytest.mark.parametrize(("row", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_row_is_a_reason_with_its_line(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    found = from_ratings(tmp_path, rated(*CLEAR), row | {"id": row["id"].replace("t-1", "t-2")})
    assert len(pairs(found)) == 1
    ((step, line, said),) = reasons(found)
    assert (step, line) == ("read", 2)
    assert reason in said


def test_broken_lines_and_repeated_ids_are_reasons_too(tmp_path: Path) -> None:
    path = write_rated(tmp_path, [rated(*CLEAR), rated(*CLEAR)])
    path.write_bytes(path.read_bytes() + b'{"id": \n[1]\n{"id": "\xff"}\n')
    assert reasons(read("ratings", path, **TERMS)) == [
        ("read", 2, "duplicate id, first on line 1"),
        ("read", 3, "not JSON"),
        ("read", 4, "not a JSON object"),
        ("read", 5, "not UTF-8"),
    ]


def test_the_published_schema_is_the_one_that_is_checked() -> None:
    folder = load(Source, "ratings").file().parent  # type: ignore[type-abstract]
    assert json.loads((folder / "ratings.schema.json").read_text(encoding="utf-8")) == schema()


def test_the_schema_itself_tells_good_rows_from_bad() -> None:
    """By another implementation of JSON Schema. What only the source checks passes here: rules between fields."""
    checker = pytest.importorskip("jsonschema").Draft202012Validator(schema())
    assert checker.is_valid(rated(*CLEAR))
    between = ("scale", "among", "twice", "two ", "first turn", "equal", "outside", "finite")
    told = [row for row, reason in BAD if not any(word in reason for word in between) or "literal" in reason]
    assert len(told) >= 12
    assert [reason for row, reason in BAD if row in told and checker.is_valid(row)] == []


@pytest.mark.parametrize(
    "options",
    [{"min_difference": 1.1}, {"min_raters": 0}, {"roles": ["friend"]}, {"criteria": ["Two words"]}, {"raters": 2}],
)
def test_wrong_options_of_the_ratings_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        from_ratings(tmp_path, rated(*CLEAR), **options)


# --- leaks -----------------------------------------------------------------------------------------------------------

LONG = "My neighbour's parrot has begun to answer the phone in my voice."
OTHER = "Since the flood I count the stairs every time I go down them."
REPLY_A = "It may help to write down when it happens and what you felt."
REPLY_B = "Everyone has a parrot like that sooner or later, so never mind it."
REPLY_C = "Parrots copy what they hear most, and you could speak to it less."


def talk(id: str, group: str, *said: str) -> Conversation:
    turns = [Message(role="assistant" if number % 2 else "user", content=text) for number, text in enumerate(said)]
    return Conversation(id=id, source="s", licence="CC0-1.0", consent="synthetic", group=group, messages=tuple(turns))


def pair(
    id: str, group: str, *prompt: str, chosen: str = REPLY_A, rejected: str = REPLY_B, **fields: Any
) -> Preference:
    shared = talk(id, group, *prompt)
    terms = {name: getattr(shared, name) for name in ("id", "source", "licence", "consent", "group")}
    fields = {"reason": "listens", **fields}
    return Preference(**terms, prompt=shared.messages, chosen=chosen, rejected=rejected, **fields)


def found_leaks(*records: Conversation | Preference) -> dict[str, str]:
    """Groups that begin with `out` are held out. One record a table, so that nothing depends on where tables end."""
    whole = leaking(lambda: [table.to_table(records)], lambda group: group.startswith("out"))
    apart = leaking(lambda: (table.to_table([one]) for one in records), lambda group: group.startswith("out"))
    assert whole == apart
    return whole


HELD_OUT = talk("h", "out", LONG, REPLY_C, "And then?", "Then it learns something new from the radio, or so I hope.")


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (pair("p", "in", LONG), preferences.HELD_OUT_PROMPT),
        (pair("p", "in", f"  {LONG.upper()}\n"), preferences.HELD_OUT_PROMPT),
        (pair("p", "in", "Hello", "Hi", LONG), preferences.HELD_OUT_PROMPT),
        (pair("p", "in", OTHER, REPLY_C, "And then?"), preferences.HELD_OUT_PROMPT),
        (pair("p", "in", OTHER, chosen=REPLY_C), preferences.HELD_OUT_REPLY),
        (pair("p", "in", OTHER, rejected=REPLY_C), preferences.HELD_OUT_REPLY),
        (pair("p", "in", OTHER), None),
        (pair("p", "in", "And then?"), None),
        (pair("p", "in", OTHER, "Go on.", "And then?"), None),
        (pair("p", "out", LONG), None),
    ],
)
def test_no_pair_is_trained_on_that_stands_in_a_held_out_conversation(one: Preference, reason: str | None) -> None:
    for records in ((HELD_OUT, one), (one, HELD_OUT)):
        assert found_leaks(*records) == ({"p": reason} if reason else {})
    assert found_leaks(talk("t", "in", *(turn.content for turn in HELD_OUT.messages)), one) == {}


@pytest.mark.parametrize(
    ("prompt", "leaks"),
    [
        (("I feel odd.",), True),
        (("I feel odd.", "Odd?", "Yes."), True),
        (("I feel odd.", "How?", "Yes."), False),
        (("I feel odd.", "Odd?", OTHER), False),
    ],
)
def test_a_prompt_of_short_turns_leaks_when_held_out_data_begins_with_all_of_it(
    prompt: tuple[str, ...], leaks: bool
) -> None:
    held_out = talk("h", "out", "I feel odd.", "Odd?", "Yes.", "Tell me.")
    assert bool(found_leaks(held_out, pair("p", "in", *prompt))) == leaks


def test_a_held_out_pair_counts_as_a_held_out_conversation() -> None:
    held_out = pair("h", "out", LONG, chosen=REPLY_C)
    assert found_leaks(held_out, pair("p", "in", LONG)) == {"p": preferences.HELD_OUT_PROMPT}
    assert found_leaks(held_out, pair("p", "in", OTHER, rejected=REPLY_C)) == {"p": preferences.HELD_OUT_REPLY}


def test_the_same_pair_is_trained_on_once() -> None:
    again = pair("b", "in2", f" {LONG} ", reason="another reason")
    turned = pair("c", "in", LONG, chosen=REPLY_B, rejected=REPLY_A)
    new = pair("d", "in", LONG, rejected=REPLY_C)
    assert found_leaks(pair("a", "in", LONG), again, turned, new) == {
        "b": preferences.REPEATED,
        "c": preferences.CONTRADICTED,
    }


def test_a_pair_that_leaks_does_not_take_its_held_out_twin_along() -> None:
    assert found_leaks(pair("p", "in", LONG), pair("h", "out", LONG)) == {"p": preferences.HELD_OUT_PROMPT}


def test_what_leaks_is_left_out_of_the_cleaned_table_by_its_id() -> None:
    rows = table.to_table([pair("q", "in", OTHER), pair("p", "in", LONG)])
    left = leave_out(rows, {"p": preferences.HELD_OUT_PROMPT})
    assert left["dropped"].to_pylist() == [None, f"preferences: {preferences.HELD_OUT_PROMPT}"]
    assert leave_out(rows, {}) is rows


SAYINGS = st.sampled_from([LONG, OTHER, REPLY_A, REPLY_B, REPLY_C, "And then?", LONG.upper()])


@FUZZ
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["in", "in2", "out"]), SAYINGS, SAYINGS, SAYINGS), max_size=12)
)
def test_nothing_held_out_is_left_in_the_pairs(wild: list[tuple[bool, str, str, str, str]]) -> None:
    records = [
        pair(f"r{n}", group, one, chosen=two, rejected=three) if is_pair else talk(f"r{n}", group, one, two, three)
        for n, (is_pair, group, one, two, three) in enumerate(wild)
    ]
    left = [one for one in records if one.id not in found_leaks(*records)]
    held_out = {said for one in records if one.group == "out" for said in _long(one)}
    kept = [one for one in left if isinstance(one, Preference)]
    assert all(held_out.isdisjoint(_long(one)) for one in kept if one.group != "out")
    keys = [(one.prompt[0].content.casefold(), frozenset((one.chosen, one.rejected))) for one in kept]
    upper_or_not = Counter((prompt, frozenset(text.casefold() for text in sides)) for prompt, sides in keys)
    assert all(number == 1 for number in upper_or_not.values())


def _long(one: Conversation | Preference) -> list[str]:
    said = [turn.content for turn in (one.messages if isinstance(one, Conversation) else one.prompt)]
    said += [one.chosen, one.rejected] if isinstance(one, Preference) else []
    return [text.casefold() for text in said if len(text.split()) >= preferences.LONG_TURN]


# --- balance ---------------------------------------------------------------------------------------------------------

WARM = "I'm sorry, that sounds hard. You are not alone with the parrot."
COLD = "There is a list of parrots on page nine, which one may order."


def many(number: int, chosen: str, rejected: str, *tags: str) -> list[Preference]:
    return [pair(f"p{n}", "g", LONG, chosen=chosen, rejected=rejected, tags=tags) for n in range(number)]


def test_length_is_counted_with_its_interval() -> None:
    found = balance(many(30, "one two three four", "one two") + many(10, "one", "one two") + many(5, "a b", "c d"))
    length = found["length"]
    assert found["pairs"] == 45
    assert length["chosen_longer"] == {"hits": 30, "n": 40, "share": 0.75, "low": 0.588, "high": 0.8731}
    assert length["equal"] == 5
    assert length["mean_words_chosen"] == pytest.approx((30 * 4 + 10 + 5 * 2) / 45, abs=0.1)
    assert length["mean_ratio"] == pytest.approx((2**30 * 0.5**10) ** (1 / 45), abs=0.001)


def test_warmth_is_told_from_coldness_in_english_and_spanish() -> None:
    assert warmth(WARM) >= 3
    assert warmth(COLD) == 0
    assert warmth("Siento mucho que estés así. Suena muy difícil, y no estás sola.") >= 3
    assert warmth("I\u2019m SORRY.\nThat  sounds\nhard.") == 2
    assert balance(many(3, WARM, COLD))["warmth"]["chosen_warmer"]["hits"] == 3
    assert balance(many(3, COLD, WARM))["warmth"]["chosen_warmer"]["hits"] == 0


def test_more_warm_words_for_being_longer_is_no_difference() -> None:
    longer = f"{WARM} {COLD} {COLD} {COLD} I'm sorry."
    assert warmth(longer) > warmth(WARM)
    assert balance(many(4, longer, WARM))["warmth"] == {
        "chosen_warmer": {"hits": 0, "n": 0, "share": None, "low": 0.0, "high": 1.0},
        "equal": 4,
    }


@pytest.mark.parametrize(
    ("longer", "of", "warned"),
    [(30, 40, True), (10, 40, True), (59, 100, False), (70, 100, True), (580, 1000, False), (5, 5, False)],
)
def test_a_warning_needs_a_large_and_significant_share(longer: int, of: int, warned: bool) -> None:
    found = balance(many(longer, "one two", "one") + many(of - longer, "one", "one two"))
    assert bool(found["warnings"]) == warned
    assert not warned or f"{longer / of:.0%} of {of}" in found["warnings"][0]


def test_tags_are_listed_from_enough_pairs_on_and_only_if_they_name_a_kind() -> None:
    tags = ("topic:parrots", "parent:counsel_chat/3", "upvotes:4")
    even = many(20, "one two", "one", *tags) + many(20, "one", "one two", *tags)
    found = balance(even + many(19, "one two", "one", "topic:rare"))
    assert list(found["by_tag"]) == ["topic:parrots"]
    assert found["by_tag"]["topic:parrots"]["pairs"] == 40
    assert found["by_tag"]["topic:parrots"]["chosen_longer"]["share"] == 0.5


def test_a_tag_that_is_off_is_warned_of_and_many_tags_need_more() -> None:
    off = many(20, "one two", "one", "off") + many(60, "one", "one two") + many(60, "one two", "one")
    (warning,) = [one for one in balance(off)["warnings"] if "tagged" in one]
    assert "tagged off" in warning
    slight = many(15, "one two", "one", "off") + many(5, "one", "one two", "off")
    even = [one for n in range(9) for one in many(10, "a", "b c", f"t{n}") + many(10, "a b", "c", f"t{n}")]
    assert [one for one in balance(slight)["warnings"] if "tagged" in one], "alone it is significant"
    assert not [one for one in balance(slight + even)["warnings"] if "tagged" in one], "as one of ten it is not"


def test_the_balance_streams_and_keeps_no_text() -> None:
    counted = Balance()
    for one in iter(many(3, WARM, COLD, "t")):
        counted.add(one)
    assert counted.as_counts() == balance(iter(many(3, WARM, COLD, "t")))
    assert "parrot" not in json.dumps(counted.as_counts())


def test_an_empty_stream_has_a_balance_too() -> None:
    found = balance([])
    assert (found["pairs"], found["warnings"], found["length"]["mean_ratio"]) == (0, [], None)
    assert markdown(found) == ["No pairs."]


def test_the_datasheet_shows_shares_warnings_and_tags() -> None:
    lines = markdown(balance(many(40, "one two", "one", "topic:parrots")))
    assert lines[0].startswith("- Chosen reply longer: 100.0% of 40 (91.2% to 100.0%), equal in 0; ")
    assert any(line.startswith("- **Warning**: the chosen reply is longer in 100% of 40 pairs") for line in lines)
    assert lines[-1].startswith("| topic:parrots | 40 | 100.0% of 40")


@FUZZ
@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), max_size=20))
def test_any_text_can_be_counted(texts: list[tuple[str, str]]) -> None:
    some = [pair(f"p{n}", "g", LONG, chosen=f"a{one}", rejected=f"b{two}") for n, (one, two) in enumerate(texts)]
    found, turned = (
        balance(one)
        for one in (some, [one.model_copy(update={"chosen": one.rejected, "rejected": one.chosen}) for one in some])
    )
    for name, share in (("length", "chosen_longer"), ("warmth", "chosen_warmer")):
        assert found[name]["equal"] == turned[name]["equal"]
        assert found[name][share]["hits"] == turned[name][share]["n"] - turned[name][share]["hits"]
