"""How tests run triggers: until they fire, and until something is seen in the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

PATIENCE = 60.0


async def fired(trigger: BaseTrigger) -> dict[str, Any]:
    """Run a trigger until it fires, and return its event, which must be JSON."""
    events = [event.payload async for event in trigger.run()]
    assert len(events) == 1
    payload = events[0]
    assert json.loads(json.dumps(payload)) == payload
    return dict(payload)


async def eventually(condition: Callable[[], Any]) -> Any:
    """Return what a condition gives as soon as it is true."""
    async with asyncio.timeout(PATIENCE):
        while not (seen := condition()):  # noqa: ASYNC110 - the database has no asyncio.Event
            await asyncio.sleep(0.02)
    return seen
