-- Each kind of refusal has a code of its own, and says what to do.
create function pgtrickle_emulator.refuse(kind text, message text) returns void
language plpgsql immutable set search_path = pg_catalog
as $$
declare
    v_code text;
    v_hint text;
begin
    select k.code, k.hint into strict v_code, v_hint
    from (values
        ('NOT_FOUND', '42P01', 'Give the name with its schema; pgtrickle.pgt_status() lists the stream tables.'),
        ('EXISTS', '42P07', 'Alter it with pgtrickle.alter_stream_table(), or drop it first.'),
        ('ARGUMENT', '22023', 'The documentation of the function lists what it takes.'),
        ('QUERY', '0A000', 'The refresh modes FULL and AUTO take more queries.'),
        ('UNREADABLE', '42000', 'See whether the query runs by itself.'),
        ('CYCLE', '42P15', 'A stream table cannot read itself.'),
        ('PRIVILEGE', '42501', 'Only its owner may do that.'),
        ('WATERMARK', '22000', 'pgtrickle.watermarks() and pgtrickle.watermark_groups() list what there is.')
    ) k (kind, code, hint)
    where k.kind = refuse.kind;
    raise exception using message = message, errcode = v_code, hint = v_hint;
end
$$;
