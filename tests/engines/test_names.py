"""Names: what is refused before any SQL, and that what is accepted is what the engine can hold."""

from __future__ import annotations

import pytest

from airflow_provider_pgstream._engines.names import check_name, check_names
from airflow_provider_pgstream.exceptions import InvalidStreamTable


@pytest.mark.parametrize(
    "name", ["t", "public.t", "public.we-ird", "public.über", "s.select", "x" * 63, f"{'s' * 63}.{'t' * 63}"]
)
def test_name_that_the_engine_can_hold_is_returned_as_it_is(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "it is empty"),
        ("public.", "a part of it is empty"),
        (".t", "a part of it is empty"),
        ("a.b.c", "more than one dot"),
        ("public.Orders", "an upper-case letter"),
        ("public.order totals", "a blank or a control character"),
        (" public.t", "a blank or a control character"),
        ("public.t\n", "a blank or a control character"),
        ("public.t\x00", "a blank or a control character"),
        ('public."t"', "it is quoted"),
        ("x" * 64, "64 bytes, and 63 are the most"),
        ("ü" * 32, "64 bytes, and 63 are the most"),
        ("public.\ud800", "half a character"),
        (None, "NoneType, not text"),
        (7, "int, not text"),
    ],
)
def test_name_that_the_engine_cannot_hold_is_refused_saying_why(name: object, why: str) -> None:
    with pytest.raises(InvalidStreamTable, match=why) as error:
        check_name(name)
    assert "give 'schema.table' in lower case" in str(error.value)


def test_several_names_lose_their_doubles_and_keep_their_order() -> None:
    assert check_names(["b", "a", "b"]) == ["b", "a"]
    assert check_names("a") == ["a"]
    with pytest.raises(InvalidStreamTable, match="names no stream table"):
        check_names([])
