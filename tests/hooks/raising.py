"""What a user reads of an error."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from airflow_provider_pgstream.exceptions import PgStreamError


def raised(call: Any, *args: Any, **kwargs: Any) -> tuple[PgStreamError, str]:
    """Return the error that a call raises, and its traceback as Airflow logs it."""
    with pytest.raises(PgStreamError) as info:
        call(*args, **kwargs)
    return info.value, "".join(traceback.format_exception(info.value))
