"""RingCentral's own Python SDK works against the simulator as it does against the carrier."""

from __future__ import annotations

import asyncio

import pytest

from tests.contracts.sdk.run_ringcentral import FOLDER, prepare_python, run


@pytest.mark.timeout(400)  # the first run installs the SDK into an environment of its own
async def test_the_official_python_sdk_logs_in_texts_and_listens() -> None:
    """It logs in by JWT, refreshes, sends text and picture, reads back, and hears of a new text."""
    interpreter = await asyncio.to_thread(prepare_python)
    assert await run(interpreter, FOLDER / "ringcentral_python.py") == 0
