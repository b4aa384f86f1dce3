create schema pgstream;
create schema pgstream_changes;

-- What the extension has beyond the contract stands in a schema of its own, so that `pgstream` holds
-- the same objects on both engines. Everybody may look into it: without that, a role that may use
-- `pgstream` on the real engine could not here.
create schema pgstream_emulator;
grant usage on schema pgstream_emulator to public;
