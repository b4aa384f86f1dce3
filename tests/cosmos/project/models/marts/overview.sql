select 'customers' as what, count(*) as number from {{ ref('totals') }}
union all
select 'kinds', count(*) from {{ ref('kinds') }}
