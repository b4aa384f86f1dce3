"""What the blocks of a swap are made of, with ``{names}`` to fill."""

from __future__ import annotations

from collections.abc import Mapping


def filled(block: str, values: Mapping[str, str]) -> str:
    """Return a block with its parts and values in place."""
    for key, value in {**_PARTS, **values}.items():
        block = block.replace("{" + key + "}", value)
    return block


# In this order, because some hold others.
_PARTS = {
    "refuse_hindrances": """
    v_what := {hindrances};
    if v_what is not null then
        raise exception using errcode = 'PGSNO',
            message = v_sentence || 'the new table would come without ' || v_what || ': ' || {way_out};
    end if;
""",
    # What hangs on the old one, and would be lost with it.
    "hindrances": """(
        select string_agg(h.what, ', ')
        from (
            select 'row-level security' as what from pg_class as c where c.oid = v_old and c.relrowsecurity
            union all
            select 'trigger ' || t.tgname
            from pg_trigger as t
            where t.tgrelid = v_old and not t.tgisinternal and t.tgname !~ {own_triggers}
            union all
            select 'rule ' || r.rulename from pg_rewrite as r where r.ev_class = v_old
            union all
            select 'publication ' || p.pubname
            from pg_publication_rel as r
            join pg_publication as p on p.oid = r.prpubid
            where r.prrelid = v_old
            union all
            select 'child ' || i.inhrelid::regclass from pg_inherits as i where i.inhparent = v_old
            union all
            select format('constraint %s of %s', k.conname, k.conrelid::regclass)
            from pg_constraint as k
            where k.confrelid = v_old or k.conrelid = v_old and k.contype <> 'n' and not exists (
                select
                from pg_attribute as a
                where a.attrelid = v_old and a.attnum = any (k.conkey)
                    and starts_with(a.attname, {internal})
            )
            union all
            select case c.relkind
                when 'm' then format('materialized view %s', c.oid::regclass)
                else format('view %s of role %s', c.oid::regclass, c.relowner::regrole)
            end
            from {views} as v
            join pg_class as c on c.oid = v.oid
            where c.relkind <> 'v' or not pg_has_role(c.relowner, 'usage')
            union all
            select pg_describe_object(d.classid, d.objid, d.objsubid)
            from pg_depend as d
            where d.deptype in ('n', 'a')
                and d.classid in ('pg_proc'::regclass, 'pg_statistic_ext'::regclass)
                and d.refclassid = 'pg_class'::regclass and d.refobjid = v_old
            union all
            select pg_describe_object(d.classid, d.objid, d.objsubid)
            from pg_class as c
            join pg_type as t on c.reltype in (t.oid, t.typelem)
            join pg_depend as d on d.refclassid = 'pg_type'::regclass and d.refobjid = t.oid
            where c.oid = v_old and d.deptype = 'n'
                and d.classid in ('pg_proc'::regclass, 'pg_class'::regclass)
        ) as h
    )""",
    # The statements that make the views on the old one anew.
    "views_as_json": """(
        select coalesce(jsonb_agg(format(
            'create or replace view %I.%I%s as %s', n.nspname, c.relname,
            ' with (' || array_to_string(c.reloptions, ', ') || ')', rtrim(pg_get_viewdef(c.oid), ';')
        ) order by c.oid), '[]')
        from {views} as v
        join pg_class as c on c.oid = v.oid
        join pg_namespace as n on n.oid = c.relnamespace
    )""",
    # The views that read the old one themselves.
    "views": """(
        select distinct r.ev_class as oid
        from pg_depend as d
        join pg_rewrite as r on r.oid = d.objid
        where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
            and d.refobjid = v_old and r.ev_class <> v_old
    )""",
    "find_both": """
    perform set_config('search_path', '', true);
    select st.{id}, st.{prefix}_relid, st.status into v_old_id, v_old, v_status
    from {catalog} as st
    where st.{prefix}_schema = {schema} and st.{prefix}_name = {table};
    select st.{id}, st.{prefix}_relid, st.is_populated into v_new_id, v_new, v_is_populated
    from {catalog} as st
    where st.{prefix}_schema = {schema} and st.{prefix}_name = {next};
""",
    "both": """
    v_old_id bigint;
    v_old oid;
    v_status text;
    v_new_id bigint;
    v_new oid;
    v_is_populated boolean;
    v_what text;
    v_one record;
    v_sentence constant text := format('stream table %s.%s cannot be swapped: ', {schema}, {table});
""",
    "role": "case x.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end",
    "option": "case when x.is_grantable then ' with grant option' end",
}
