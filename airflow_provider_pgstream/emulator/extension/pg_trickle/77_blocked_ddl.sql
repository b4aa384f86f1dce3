create function pgtrickle_emulator.blocked_ddl(v_source text) returns text
language sql immutable set search_path = pg_catalog
as $$
    select format('pg_trickle: ALTER TABLE on %s blocked — column-affecting DDL is not allowed while pg_trickle.block_source_ddl = true (the default).',
        v_source)
$$;

-- Where the setting lets columns change, capture names those of today.
create function pgtrickle_emulator.follow_columns(v_relids oid[]) returns void
language sql set search_path = pg_catalog
as $$
    select pgtrickle_emulator.create_functions(c.source_relid)
    from pgtrickle.pgt_change_tracking c
    where c.source_relid = any (v_relids) and exists (
        select from pgtrickle.pgt_dependencies d
        where d.source_relid = c.source_relid
          and d.column_snapshot is distinct from pgtrickle_emulator.column_snapshot(d.source_relid))
$$;
