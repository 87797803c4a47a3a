"""The text form of filters against SQLite, whose WHERE has the same grammar for these tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import numpy as np
import omendb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

#: Columns of the table, and constants that they are compared with. "author.name" and "author.born"
#: are fields of a dict in OmenDB.
CONSTANTS: dict[str, list[str]] = {
    "id": ["0", "3", "17", "59.5", "-1", "null"],
    "year": ["2019", "2020", "2020.5", "-9007199254740993", "9007199254740993", "null"],
    "score": ["0.5", "-1", "2020", "9007199254740992", "1e300", "null"],
    "lang": ["'en'", "'de'", "''", "'it''s'", "'\u00e9'", "'\U0001f600'", "null"],
    "draft": ["true", "false", "null"],
    '"author.name"': ["'Ada'", "'ada'", "'Bob'", "'z'", "null"],
    '"author.born"': ["1815", "1900.5", "0", "null"],
}
PATTERNS = ["%", "a%", "%a", "A_a", "%_", "", "_", "%d%", "e_", "%'%"]


def _rows() -> list[dict[str, Any]]:
    rows = []
    for i in range(60):
        author = {
            "name": (None, "Ada", "ada", "Bob", "z")[i % 5],
            "born": (None, 1815, 1900, 2**53 + 1)[i // 2 % 4],
        }
        rows.append(
            {
                "year": (None, 2019, 2020, 2**53 + 1, -(2**53) - 1)[i // 3 % 5],
                "score": (None, 0.5, -1.0, 2020.0, 2.0**53, 1e300)[i // 4 % 6],
                "lang": (None, "en", "de", "", "it's", "\u00e9", "\U0001f600")[i % 7],
                "draft": (None, True, False)[i % 3],
                "author": {key: value for key, value in author.items() if value is not None},
            }
        )
    return rows


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[omendb.Database, sqlite3.Connection]]:
    rows = _rows()
    connection = sqlite3.connect(":memory:")
    connection.execute("pragma case_sensitive_like = on")
    columns = 'year integer, score real, lang text, draft integer, "author.name" text'
    connection.execute(
        f'create table points (id integer primary key, {columns}, "author.born" integer)'
    )
    for i, row in enumerate(rows):
        author = row["author"]
        values = [i, row["year"], row["score"], row["lang"], row["draft"]]
        values += [author.get("name"), author.get("born")]
        connection.execute("insert into points values (?, ?, ?, ?, ?, ?, ?)", values)
    with omendb.open(":memory:") as database:
        present = [{key: value for key, value in row.items() if value is not None} for row in rows]
        half = len(rows) // 2
        database.add(np.zeros((half, 1)), ids=range(half), metadata=present[:half])
        database.compact()  # a sealed part and one in memory
        database.add(np.zeros((half, 1)), ids=range(half, 2 * half), metadata=present[half:])
        yield database, connection
    connection.close()


@st.composite
def _test(draw: st.DrawFn) -> str:
    column = draw(st.sampled_from(sorted(CONSTANTS)))
    constant = st.sampled_from(CONSTANTS[column])
    negated = draw(st.sampled_from(["", "not "]))
    forms = ["compare", "in", "between", "null"]
    if column == "draft":
        forms += ["alone", "truth"]
    if column in ("lang", '"author.name"'):
        forms.append("like")
    form = draw(st.sampled_from(forms))
    if form == "compare":
        operator = draw(st.sampled_from(["=", "==", "!=", "<>", "<", "<=", ">", ">="]))
        return f"{column} {operator} {draw(constant)}"
    if form == "in":
        return f"{column} {negated}in ({', '.join(draw(st.lists(constant, max_size=4)))})"
    if form == "between":
        return f"{column} {negated}between {draw(constant)} and {draw(constant)}"
    if form == "like":
        pattern = draw(st.sampled_from(PATTERNS)).replace("'", "''")
        return f"{column} {negated}like '{pattern}'"
    if form == "truth":
        return f"draft is {negated}{draw(st.sampled_from(['true', 'false']))}"
    return "draft" if form == "alone" else f"{column} is {negated}null"


def _texts() -> st.SearchStrategy[str]:
    return st.recursive(
        _test() | st.sampled_from(["true", "false"]),
        lambda part: st.one_of(
            st.tuples(part, st.sampled_from([" and ", " or "]), part).map("".join),
            part.map("({})".format),
            part.map("not ({})".format),
            part.map("not {}".format),
            st.tuples(part, st.sampled_from(["true", "not true", "false", "not false"])).map(
                lambda two: f"({two[0]}) is {two[1]}"
            ),
        ),
        max_leaves=6,
    )


@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=_texts())
def test_random_texts_match_what_sqlite_says(
    both: tuple[omendb.Database, sqlite3.Connection], text: str
) -> None:
    database, connection = both
    expected = [id for (id,) in connection.execute(f"select id from points where {text}")]
    found = [point.id for part in database.scan(text, vectors=False, fields=[]) for point in part]
    assert sorted(found) == sorted(expected)
