"""The SQL that reads what a query reads: relations, and the shape of tables, from what everybody may read."""

from __future__ import annotations

RELATIONS = """
select asked.place::int as place, c.oid::bigint as oid, n.nspname::text as schema, c.relname::text as name,
       c.relkind::text as kind,
       case when c.relkind = 'v' then pg_catalog.pg_get_viewdef(c.oid) end as definition,
       pg_catalog.has_table_privilege(c.oid, 'select') as is_readable
  from pg_catalog.unnest(%(names)s::text[]) with ordinality asked (name, place)
  join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(asked.name)
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 order by asked.place
"""
"""The relations of some names, in their order; of a name that there is not, none."""

COLUMNS = """
with recursive based as (
  select a.attrelid, a.attnum, t.oid as typid, t.typtype, t.typbasetype
    from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
   where a.attrelid = any (%(oids)s::oid[]) and a.attnum > 0 and not a.attisdropped
   union all
  select b.attrelid, b.attnum, t.oid, t.typtype, t.typbasetype
    from based b join pg_catalog.pg_type t on t.oid = b.typbasetype
   where b.typtype = 'd')
select a.attrelid::bigint as oid, a.attname::text as name,
       pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
       case when t.typcategory = 'A' and e.oid is not null then e.typname else t.typname end::text as base,
       t.typcategory = 'A' and e.oid is not null as is_array,
       t.typtype::text as kind,
       case when a.attcollation <> d.typcollation then a.attcollation::regcollation::text end as collation,
       a.attnotnull as is_required, a.attgenerated <> '' as is_generated,
       case when pg_catalog.pg_get_expr(f.adbin, f.adrelid) !~ 'nextval\\('
            then pg_catalog.pg_get_expr(f.adbin, f.adrelid) end as expression,
       a.attgenerated::text as generated,
       (select pg_catalog.array_agg(l.enumlabel::text order by l.enumsortorder)
          from pg_catalog.pg_enum l where l.enumtypid in (t.oid, e.oid)) as labels,
       exists (select from pg_catalog.pg_index i
                where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey)) as is_key,
       exists (select from pg_catalog.pg_operator o
                where o.oprname = '=' and o.oprleft in (t.oid, case when t.typtype = 'e' then 'anyenum'
                        when t.typcategory = 'A' then 'anyarray' when t.typtype = 'r' then 'anyrange'
                        when t.typname = 'varchar' then 'text' end::regtype)) as has_equality
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_class c on c.oid = a.attrelid
  join pg_catalog.pg_type d on d.oid = a.atttypid
  join based b on b.attrelid = a.attrelid and b.attnum = a.attnum and b.typtype <> 'd'
  join pg_catalog.pg_type t on t.oid = b.typid
  left join pg_catalog.pg_type e on e.oid = t.typelem and t.typcategory = 'A'
  left join pg_catalog.pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum
 order by a.attrelid, a.attnum
"""
"""The columns of some tables; a default that takes from a sequence is left out: no numbers are used up."""

CONSTRAINTS = """
select k.conrelid::bigint as oid, k.contype::text as kind, k.confrelid::bigint as refers_to,
       k.confrelid::regclass::text as refers_to_name, pg_catalog.pg_get_constraintdef(k.oid) as definition
  from pg_catalog.pg_constraint k
 where k.conrelid = any (%(oids)s::oid[]) and k.contype in ('p', 'u', 'c', 'x', 'f')
   and (k.contype <> 'f' or k.confrelid = any (%(oids)s::oid[]) and k.conparentid = 0)
 order by k.conrelid, k.contype = 'f', k.conname
"""
"""The constraints of some tables; of foreign keys those that stay among them."""

UNIQUE_INDEXES = """
select i.indrelid::bigint as oid,
       pg_catalog.regexp_replace(pg_catalog.pg_get_indexdef(i.indexrelid), '^.*? USING ', '') as definition
  from pg_catalog.pg_index i
 where i.indrelid = any (%(oids)s::oid[]) and i.indisunique and i.indisvalid
   and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid)
 order by i.indexrelid
"""
"""The unique indexes of some tables that belong to no constraint."""

VOLATILE = """
select proname::text as name from pg_catalog.pg_proc
 where proname = any (%(names)s::text[])
 group by proname
having pg_catalog.bool_and(provolatile = 'v')
 order by proname
"""
"""Functions of these names that may return something else at each call."""
