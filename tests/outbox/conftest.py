"""An outbox for each test, on each engine in turn."""

from collections.abc import AsyncIterator

import pytest
import structlog

from storage.database import Database
from tests.outbox.scripted import Outbox, running_outbox


@pytest.fixture(autouse=True, scope="package")
def _plain_logs() -> None:
    # a traceback drawn with its locals takes a second, longer than most of these tests wait
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])


@pytest.fixture
async def outbox(database: Database) -> AsyncIterator[Outbox]:
    """An outbox without a worker yet."""
    async with running_outbox(database) as made:
        yield made
