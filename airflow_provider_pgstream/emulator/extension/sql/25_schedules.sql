create function pgstream_emulator.is_cron(schedule text) returns boolean
language sql immutable set search_path = pg_catalog
as $$ select trim(schedule) ~ '\s' or trim(schedule) ^@ '@' $$;

create function pgstream_emulator.duration_seconds(input text) returns bigint
language plpgsql immutable strict parallel safe set search_path = pg_catalog
as $$
declare
    v_input text := trim(input);
    v_digits text := '';
    v_seconds bigint := 0;
    v_char text;
begin
    if v_input = '' then
        perform pgstream_emulator.refuse('ARGUMENT', 'invalid argument: schedule cannot be empty');
    end if;
    if v_input ~ '^[0-9]+$' then
        return v_input::bigint;
    end if;
    foreach v_char in array string_to_array(v_input, null) loop
        if v_char ~ '[0-9]' then
            v_digits := v_digits || v_char;
            continue;
        end if;
        perform pgstream_emulator.check_unit(v_char, v_digits, v_input);
        v_seconds := v_seconds + v_digits::bigint
            * case v_char when 's' then 1 when 'm' then 60 when 'h' then 3600 when 'd' then 86400
                  else 604800 end;
        v_digits := '';
    end loop;
    if v_digits <> '' then
        perform pgstream_emulator.refuse('ARGUMENT', format($e$invalid argument: trailing digits '%s' without a unit in duration '%s'. Append s, m, h, d, or w. Example: '1h30m'$e$,
            v_digits, v_input));
    end if;
    return v_seconds;
end
$$;

-- The client's function answers NULL where the engine itself refuses.
create function pgstream.parse_duration_seconds(input text) returns bigint
language plpgsql immutable strict parallel safe set search_path = pg_catalog
as $$
begin
    return pgstream_emulator.duration_seconds(input);
exception when internal_error or invalid_parameter_value then
    return null;
end
$$;

create function pgstream_emulator.check_unit(v_char text, v_digits text, v_input text) returns void
language plpgsql immutable set search_path = pg_catalog
as $$
begin
    if v_char not in ('s', 'm', 'h', 'd', 'w') then
        perform pgstream_emulator.refuse('ARGUMENT', format($e$invalid argument: invalid duration unit '%s' in '%s'. Use s (seconds), m (minutes), h (hours), d (days), w (weeks). Example: '5m', '1h30m', '2d'$e$,
            v_char, v_input));
    elsif v_digits = '' then
        perform pgstream_emulator.refuse('ARGUMENT', format($e$invalid argument: expected a number before '%s' in duration '%s'$e$,
            v_char, v_input));
    end if;
end
$$;

-- As much of cron as can be refused without a calendar; which moments are meant is the scheduler's to know.
create function pgstream_emulator.check_cron(schedule text) returns void
language plpgsql immutable set search_path = pg_catalog
as $$
declare
    v_fields text[] := regexp_split_to_array(trim(schedule), '\s+');
    v_words constant text[] := '{@yearly,@annually,@monthly,@weekly,@daily,@midnight,@hourly}';
    v_problem text;
begin
    if lower(v_fields[1]) = any (v_words) and cardinality(v_fields) = 1 then
        return;
    elsif cardinality(v_fields) not between 5 and 7 then
        v_problem := 'Invalid pattern: Pattern must have between 5 and 7 fields.';
    elsif exists (select from pgstream_emulator.cron_fields(v_fields) f
                  where f.field !~* '^([0-9*?/,#lw-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)+$'
                     or f.field ~ '/0|//|^/|,,|,$|^,') then
        v_problem := 'Component error: Invalid characters used.';
    elsif exists (select from pgstream_emulator.cron_fields(v_fields) f,
                         regexp_matches(regexp_replace(f.field, '/[0-9]+', '', 'g'), '[0-9]+', 'g') n
                  where n[1]::numeric not between f.lowest and f.highest) then
        v_problem := 'Component error: Number out of bounds.';
    end if;
    if v_problem is not null then
        perform pgstream_emulator.refuse('ARGUMENT', format($e$invalid argument: invalid cron expression '%s': %s$e$,
            schedule, v_problem));
    end if;
end
$$;

-- Six fields begin with seconds; a seventh is the year.
create function pgstream_emulator.cron_fields(fields text[])
returns table (field text, lowest int, highest int)
language sql immutable set search_path = pg_catalog
as $$
    select f.field, b.lowest, b.highest
    from unnest(case when cardinality(fields) = 5 then '0'::text || fields else fields end)
             with ordinality f (field, position)
    join (values (1, 0, 59), (2, 0, 59), (3, 0, 23), (4, 1, 31), (5, 1, 12), (6, 0, 7), (7, 1, 9999))
        b (position, lowest, highest) using (position)
$$;

create function pgstream_emulator.check_schedule(schedule text) returns void
language plpgsql stable set search_path = pg_catalog
as $$
declare
    v_shortest bigint := pgstream_emulator.setting('min_schedule_seconds');
    v_seconds bigint;
begin
    if schedule is null then
        return;
    elsif pgstream_emulator.is_cron(schedule) then
        perform pgstream_emulator.check_cron(schedule);
        return;
    end if;
    v_seconds := pgstream_emulator.duration_seconds(schedule);
    if v_seconds < v_shortest then
        perform pgstream_emulator.refuse('ARGUMENT', format('invalid argument: schedule must be at least %ss, got %ss',
            v_shortest, v_seconds));
    end if;
end
$$;

-- Seconds of a duration; NULL for cron and for CALCULATED.
create function pgstream_emulator.schedule_seconds(schedule text) returns bigint
language sql immutable set search_path = pg_catalog
as $$
    select case when not pgstream_emulator.is_cron(schedule)
           then pgstream_emulator.duration_seconds(schedule) end
$$;
