-- The real engine cannot carry changes through a `*`: such a table can be created and refreshed in full, and
-- fails at the first change. Who tests here must learn it here.
create function pgstream_emulator.check_differential(query text) returns void
language plpgsql immutable set search_path = pg_catalog
as $$
declare
    v_star text[] := regexp_match(pgstream_emulator.without_literals(query), '(?i)(?:\mselect|,)\s*((?:[\w"]+\.)?)\*');
begin
    if v_star[1] = '' then
        raise exception 'column "node_T_A_Star" does not exist' using errcode = 'undefined_column';
    elsif v_star is not null then
        raise exception 'missing FROM-clause entry for table "%"', trim(v_star[1], '".')
            using errcode = 'undefined_table';
    end if;
end
$$;
