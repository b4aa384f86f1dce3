"""What most of these tests install comes from a package index."""

from __future__ import annotations

import psutil
import pytest


@pytest.fixture(scope="session")
def network() -> None:
    """Leave these tests out where the machine has no network at all; an index that refuses is a failure."""
    states = psutil.net_if_stats().values()
    if not any(state.isup and "loopback" not in state.flags for state in states):
        pytest.skip("without a network nothing can be installed")
