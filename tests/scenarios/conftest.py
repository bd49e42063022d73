"""A world for each scenario, silent at its end but for what was expected."""

from collections.abc import AsyncIterator

import pytest

from tests.scenarios.world import Texter, World, connected_world


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[World]:
    """The bridge with one inbox in #front-desk, and no hold."""
    async with connected_world(sqlite_url) as made:
        yield made


@pytest.fixture
def alice(world: World) -> Texter:
    """A customer."""
    return world.texter("+14155550100")
