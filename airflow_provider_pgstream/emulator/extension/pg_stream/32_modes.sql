create function pgstream_emulator.mode_word(refresh_mode text) returns text
language plpgsql immutable set search_path = pg_catalog
as $$
begin
    case upper(refresh_mode)
        when 'FULL' then return 'FULL';
        when 'DIFFERENTIAL', 'INCREMENTAL' then return 'DIFFERENTIAL';
        else perform pgstream_emulator.refuse('ARGUMENT', format(
            'invalid argument: unknown refresh mode: %s. Must be ''FULL'' or ''DIFFERENTIAL''', upper(refresh_mode)));
    end case;
end
$$;
