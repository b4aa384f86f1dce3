"""What differs between Airflow 2.11 and 3, in one place."""

from __future__ import annotations

from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

AIRFLOW_3 = AIRFLOW_V_3_0_PLUS
"""Whether assets can be watched, and a killed task's trigger learns of it."""
