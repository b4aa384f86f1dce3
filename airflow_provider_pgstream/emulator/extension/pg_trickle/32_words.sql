-- AUTO is a word of the caller's only: what a stream table gets is decided by its query.
create function pgtrickle_emulator.mode_word(refresh_mode text) returns text
language plpgsql immutable set search_path = pg_catalog
as $$
begin
    case upper(refresh_mode)
        when 'AUTO', 'FULL', 'DIFFERENTIAL', 'IMMEDIATE' then return upper(refresh_mode);
        when 'INCREMENTAL' then return 'DIFFERENTIAL';
        else perform pgtrickle_emulator.refuse('ARGUMENT', format(
            'invalid argument: unknown refresh mode: %s. Must be ''AUTO'', ''FULL'', ''DIFFERENTIAL'', or ''IMMEDIATE''',
            upper(refresh_mode)));
    end case;
end
$$;

-- What the catalog keeps of a schedule: NULL for 'calculated'.
create function pgtrickle_emulator.stored_schedule(schedule text) returns text
language plpgsql stable set search_path = pg_catalog
as $$
begin
    if schedule is null then
        perform pgtrickle_emulator.refuse('ARGUMENT',
            'invalid argument: use ''calculated'' instead of NULL to set CALCULATED schedule');
    elsif lower(schedule) = 'calculated' then
        return null;
    end if;
    perform pgtrickle_emulator.check_schedule(schedule);
    return trim(schedule);
end
$$;

-- A word of an option in lower case; NULL for NULL.
create function pgtrickle_emulator.option_word(option text, value text, allowed text[]) returns text
language plpgsql immutable set search_path = pg_catalog
as $$
begin
    if value is not null and lower(value) <> all (allowed) then
        perform pgtrickle_emulator.refuse('ARGUMENT', format('invalid argument: invalid %s value: ''%s'' (expected %s)',
            option, value, (
                select string_agg(case when w.number = cardinality(allowed) then 'or ' else '' end || quote_literal(w.word),
                    case when cardinality(allowed) = 2 then ' ' else ', ' end order by w.number)
                from unnest(allowed) with ordinality w (word, number))));
    end if;
    return lower(value);
end
$$;

create function pgtrickle_emulator.check_owner(st pgtrickle.pgt_stream_tables) returns void
language plpgsql stable set search_path = pg_catalog
as $$
begin
    if not exists (select from pg_class c where c.oid = st.pgt_relid and pg_has_role(c.relowner, 'usage')) then
        perform pgtrickle_emulator.refuse('PRIVILEGE', format(
            'permission denied: must be owner of stream table %s.%s', st.pgt_schema, st.pgt_name));
    end if;
end
$$;

create function pgtrickle_emulator.check_sink(sink text, path text, table_id bigint) returns void
language plpgsql immutable set search_path = pg_catalog
as $$
begin
    if sink is not null or path is not null or table_id is not null then
        perform pgtrickle_emulator.refuse('ARGUMENT', 'invalid argument: the emulator writes to no other sink');
    end if;
end
$$;
