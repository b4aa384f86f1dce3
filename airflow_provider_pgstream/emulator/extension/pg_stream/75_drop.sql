create function pgstream.drop_stream_table(name text) returns void
language plpgsql strict
as $$
begin
    perform pgstream_emulator.drop_one(pgstream_emulator.find(name, current_schema()::text));
end
$$;
