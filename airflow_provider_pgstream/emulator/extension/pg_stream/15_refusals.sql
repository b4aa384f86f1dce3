-- Whatever the engine refuses itself has one code.
create function pgstream_emulator.refuse(kind text, message text) returns void
language plpgsql immutable set search_path = pg_catalog
as $$
begin
    raise exception using message = message, errcode = 'internal_error';
end
$$;
