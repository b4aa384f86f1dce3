-- The tables that the shapes of queries are tried on; see query_shapes.py.
create schema shapes;
create type shapes.mood as enum ('glad', 'sad', 'calm');
create table shapes.customers (
    id int primary key, name text not null, country text, since date);
create table shapes.orders (
    id int primary key, customer_id int, region text, status text not null, amount int,
    price numeric(10, 2), placed_at timestamp, day date);
create table shapes.items (
    order_id int, line int, product text, quantity int not null, primary key (order_id, line));
create table shapes.events (
    id bigint primary key, kind shapes.mood, payload jsonb, tags text[], span daterange, active boolean,
    at timestamptz, score float8);
create table shapes.tree (id int primary key, parent_id int, name text);
create table shapes.bag (grp text, val int);
create table shapes.parted (id int not null, grp text, val int, primary key (id)) partition by range (id);
create table shapes.parted_low partition of shapes.parted for values from (minvalue) to (6);
create table shapes.parted_high partition of shapes.parted for values from (6) to (maxvalue);
create view shapes.stg_orders as
    select id as order_id, customer_id, status, amount, placed_at from shapes.orders;
create view shapes.big_orders as select id, customer_id, amount from shapes.orders where amount > 1;
