"""What a query may look like, and what a refused one says."""

from __future__ import annotations

import pytest

from tests.fixtures.engine import IS_FIRST

FROM = "from {{ source('raw', 'orders') }}"


QUERIES = [
    f"select id, 'it''s' as quote {FROM}",
    f"select id, $$a 'b' -- c$$ as dollars {FROM}",
    f"select id, $pgstream$ $$ $pgstream_$ x $pgstream_$ $pgstream$ as tags {FROM}",
    f"select id {FROM};",
    f"select id {FROM} ; ;\n",
    f"select id {FROM} -- the end",
    f"select id {FROM}; -- the end",
    f"select id {FROM} -- the end;\n;",
    f"select id {FROM} /* the; end -- */",
    f"-- first; line\nselect id, '; --' as tricky {FROM}",
    f"select id, E'back\\\\slash \\' quote;' as escaped {FROM}",
    f"select id, '100%s' as percent, '{{{{ 1 + 1 }}}}' as jinja {FROM}",
    f"with few as (select id, amount {FROM}) select id from few where amount > 3",
]

UNICODE = [
    f"""select id as "größe; -- '" {FROM}""",
    f"select id, 'Ünïcödé 日本 🚚' as word {FROM}",
]


def test_letters_outside_ascii_are_held_or_explained_where_the_engine_cannot_read_them(project, is_emulator):
    for number, query in enumerate(UNICODE):
        project.model(f"t{number}", query)
    project.model("escaped", f"select id, U&'gr\\00f6\\00dfe' as word {FROM}")
    result = project.run()
    assert project.sql("select distinct word from escaped") == [("größe",)]
    for number in range(len(UNICODE)):
        if is_emulator or not IS_FIRST:  # only the extension pg_stream has this defect
            assert project.sql(f"select count(*) from t{number}") == [(100,)]
        else:
            assert f"stream table public.t{number} could not be created" in result.messages[f"t{number}"]
            assert "a letter outside ASCII" in result.messages[f"t{number}"]
            assert "write escapes" in result.messages[f"t{number}"]
    again = project.run("--select", "escaped")
    assert set(again.messages.values()) == {"skip"}


def test_queries_are_held_as_they_were_written_and_not_taken_for_changed(project):
    for number, query in enumerate(QUERIES):
        project.model(f"t{number}", query)
    first = project.run()
    assert first.success, first.messages
    assert set(project.run().messages.values()) == {"skip"}
    for number in range(len(QUERIES)):
        name = f"t{number}"
        columns = project.sql(
            "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute "
            "where attrelid = %s::regclass and attnum > 0 and attname !~ '^__pgs_'",
            name,
        )[0][0]
        query = project.stream_table(name)["query"]
        assert project.sql(f"select count(*) from (({query}) except select {columns} from {name}) as x") == [
            (0,)
        ]
        assert project.sql(f"select count(*) from {name}") == project.sql(
            f"select count(*) from ({query}) as x"
        )


def test_a_change_within_a_literal_is_a_change(project):
    project.model("t", f"select id, 'a  b' as word {FROM}")
    project.run()
    project.model("t", f"select id, 'a b' as word {FROM}")
    done = "recreated" if IS_FIRST else "altered"
    assert project.run().messages["t"] == f"{done}: its query changed"


def test_a_query_over_a_view_is_compared_as_it_was_written(project):
    project.model("recent", f"select id, customer_id, amount {FROM} where amount > 10", materialized="view")
    project.model(
        "t", "select customer_id, sum(amount) as total from {{ ref('recent') }} group by customer_id"
    )
    assert project.run().success
    assert project.run("--select", "t").messages["t"] == "skip"


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        (f"select id {FROM} limit 1", "leave LIMIT and OFFSET to whoever reads it"),
        ("select 1 as one", "let the query read a table"),
        (f"select id {FROM}; select 2", "syntax error"),
        ("select id from public.nowhere", "public.nowhere"),
    ],
)
def test_a_refused_query_says_what_to_do_and_leaves_nothing(project, query, hint):
    project.model("t", query)
    result = project.run()
    assert not result.success
    assert "stream table public.t could not be created: " in result.messages["t"]
    assert hint in result.messages["t"]
    assert project.kind("t") is None
    assert project.sql("select count(*) from pgstream.pgs_stream_tables") == [(0,)]


@pytest.mark.pg_stream_only("it takes column numbers")
def test_group_by_1_is_explained(project):
    project.model("t", f"select customer_id, count(*) as n {FROM} group by 1")
    result = project.run()
    assert not result.success
    assert "write the column or the expression itself after GROUP BY" in result.messages["t"]


def test_count_over_a_view_is_explained_where_the_engine_breaks_it(project, is_emulator):
    project.sql("create view v as select * from orders")
    project.model("t", "select customer_id, count(*) as n from public.v group by customer_id")
    result = project.run()
    is_sound = is_emulator or not IS_FIRST
    assert result.success == is_sound  # only the extension pg_stream has this defect
    if not is_sound:
        assert "write count(1), or read the table behind the view" in result.messages["t"]


def test_a_refused_new_query_keeps_the_old_table(totals):
    before = totals.stream_table("order_totals")
    totals.model("order_totals", f"select customer_id {FROM} limit 1")
    assert not totals.run().success
    assert totals.stream_table("order_totals") == before
    assert totals.sql("select count(*) from order_totals") == [(5,)]


def test_star_leaves_the_internal_columns_out_of_a_stream_table_over_another(totals):
    totals.model(
        "second",
        "select {{ pgstream.star(ref('order_totals'), except=['orders']) }} from {{ ref('order_totals') }}",
    )
    assert totals.run().success
    assert totals.sql("select sum(total) from second") == totals.sql("select sum(amount) from orders")
    assert "orders" not in [
        row[0] for row in totals.sql("select attname from pg_attribute where attrelid = 'second'::regclass")
    ]


def test_star_without_care_is_explained(totals):
    totals.model("second", "select * from {{ ref('order_totals') }}")
    result = totals.run("--select", "second")
    assert not result.success
    assert "pgstream.star" in result.messages["second"]


def test_a_database_error_ends_in_the_engines_own_words(project):
    project.model("t", f"select id / 0 as x {FROM}")
    result = project.run()
    assert "stream table public.t could not be created: division by zero" in result.messages["t"]
