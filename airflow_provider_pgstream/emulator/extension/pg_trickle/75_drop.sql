-- The function that guards a stream table stays behind, as the real engine's does.
create function pgtrickle.drop_stream_table(name text, cascade boolean default false) returns void
language plpgsql strict
as $$
declare
    st pgtrickle.pgt_stream_tables;
    v_dependents pgtrickle.pgt_stream_tables[];
    v_one pgtrickle.pgt_stream_tables;
begin
    st := pgtrickle_emulator.find(name, current_schema()::text);
    perform pgtrickle_emulator.check_owner(st);
    v_dependents := array(
        select s from pgtrickle.pgt_stream_tables s join pgtrickle_emulator.depths() d using (pgt_id)
        where s.pgt_id = any (pgtrickle_emulator.with_dependents(array[st.pgt_id])) and s.pgt_id <> st.pgt_id
        order by d.depth desc, s.pgt_id);
    if cardinality(v_dependents) > 0 and not drop_stream_table.cascade then
        perform pgtrickle_emulator.refuse('ARGUMENT', format(
            'invalid argument: stream table %s.%s has dependent stream tables: %s. Use cascade => true to drop them automatically.',
            st.pgt_schema, st.pgt_name,
            (select string_agg(d.pgt_schema || '.' || d.pgt_name, ', ') from unnest(v_dependents) d)));
    end if;
    foreach v_one in array v_dependents || st loop
        perform pgtrickle_emulator.stop_maintaining(v_one.pgt_id);
        perform pgtrickle_emulator.drop_one(v_one);
        perform pgtrickle_emulator.untrack(v_one.pgt_id);
    end loop;
end
$$;
