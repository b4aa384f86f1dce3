"""
Trying a query on its engine: on copies of its tables, with small data, by random changes.

:mod:`check` is the way in; what it finds is a :class:`~airflow_provider_pgstream.models.QueryVerdict`.
"""
