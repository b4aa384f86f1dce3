select 'report' as empty where not exists (select from {{ ref('report') }})
union all
select 'days' where not exists (select from {{ ref('days') }})
