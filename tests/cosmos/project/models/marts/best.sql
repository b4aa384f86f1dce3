{{ config(materialized='table') }}

select customer, amount from {{ ref('renamed') }} order by amount desc limit 2
