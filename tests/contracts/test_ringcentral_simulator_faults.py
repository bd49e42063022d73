"""Faults of the simulators, and control of the simulated RingCentral from another process."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sys
import time

import httpx
import pytest

from bridge.sandbox.ringcentral import NUMBER
from tests.contracts.ringcentral_api import ALICE, EXTENSION, ask_for_token, dana_at, sms

SMS = f"{EXTENSION}/sms"


async def test_a_status_fault_answers_and_does_nothing() -> None:
    """The first request gets the fault's answer, the second works."""
    async with dana_at() as (simulator, api):
        fault = simulator.faults.add(
            "status", method="POST", path="/sms$", status=503, headers={"Retry-After": "7"}
        )
        refused = await api.http.post(SMS, headers={"Authorization": f"Bearer {api.access_token}"})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "7")
        assert (fault.hits, simulator.sent) == (1, [])
        assert (await api.send("Hi")).status_code == 200


async def test_dropped_before_and_after() -> None:
    """Both lose the connection; only after the second has the text been sent."""
    async with dana_at() as (simulator, api):
        for kind, sent in (("drop_before", 0), ("drop_after", 1)):
            simulator.faults.add(kind, path="/sms$")  # type: ignore[arg-type] # from a table
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await api.send("Hi")
            assert len(simulator.sent) == sent, kind


async def test_slow_before_and_after() -> None:
    """An impatient client is gone before either answer, but the text is sent in both cases."""
    async with dana_at() as (simulator, api):
        headers = {"Authorization": f"Bearer {api.access_token}"}
        body = sms("Hi", [ALICE], NUMBER)
        for kind, at_once in (("slow", 0), ("slow_after", 1)):
            simulator.sent.clear()
            simulator.faults.add(kind, path="/sms$", seconds=0.3)  # type: ignore[arg-type] # as above
            with pytest.raises(httpx.ReadTimeout):
                await api.http.post(SMS, json=body, headers=headers, timeout=0.1)
            assert len(simulator.sent) == at_once, kind
            await simulator.wait_for(lambda: simulator.sent)


async def test_faults_last_as_long_as_they_are_told() -> None:
    """times=2 acts twice, times=None until it is cleared."""
    async with dana_at() as (simulator, api):
        headers = {"Authorization": f"Bearer {api.access_token}"}

        async def status() -> int:
            return (await api.http.get(EXTENSION, headers=headers)).status_code

        simulator.faults.add("status", times=2)
        assert [await status() for _ in range(3)] == [503, 503, 200]
        simulator.faults.add("status", times=None, status=502)
        assert [await status() for _ in range(3)] == [502, 502, 502]
        simulator.faults.clear()
        assert await status() == 200


async def test_an_outage_keeps_everything() -> None:
    """Stopped, nobody answers; started again on the same port, all is still there."""
    async with dana_at() as (simulator, api):
        await api.send("Hi")
        await simulator.stop()
        with pytest.raises(httpx.ConnectError):
            await api.http.get(EXTENSION)
        await simulator.start()
        records = (await api.get(f"{EXTENSION}/message-store")).json()["records"]
        assert [each["subject"] for each in records] == ["Hi"]


async def test_control_over_http() -> None:
    """Another process can text from a phone, see what it received, and add faults."""
    async with dana_at() as (simulator, api):
        control = api.http
        file = {"name": "a.png", "type": "image/png", "base64": base64.b64encode(b"x").decode()}
        texted = await control.post(
            f"/_sandbox/phones/{ALICE}/texts",
            json={"text": "Hello", "to": NUMBER, "attachments": [file]},
        )
        assert (texted.status_code, texted.json()["subject"]) == (201, "Hello")
        lost = await control.post(f"/_sandbox/phones/{ALICE}/texts", json={"to": ALICE})
        assert lost.status_code == 409
        await control.post(
            "/_sandbox/app_sends",
            json={"extension": "101", "from": NUMBER, "to": ALICE, "text": "By app"},
        )
        await simulator.settled()
        phone = (await control.get(f"/_sandbox/phones/{ALICE}")).json()
        assert [each["text"] for each in phone["received"]] == ["By app"]
        assert len((await control.get("/_sandbox/phones")).json()) == 1
        listed = await control.get("/_sandbox/messages", params={"direction": "Outbound"})
        assert [each["subject"] for each in listed.json()] == ["By app"]
        assert (await control.get("/_sandbox/state")).json()["message_count"] == 2
        added = await control.post("/_sandbox/faults", json={"kind": "status", "status": 500})
        assert added.status_code == 201
        wrong = await control.post("/_sandbox/faults", json={"kind": "magic"})
        assert wrong.status_code == 400
        unread = await control.post("/_sandbox/app_sends", content=b"not json")
        assert unread.status_code == 400
        assert (await control.get(EXTENSION)).status_code == 500
        assert (await control.delete("/_sandbox/faults")).json() == []
        moved = await control.post("/_sandbox/clock", json={"forward_seconds": 60})
        assert moved.status_code == 200
        assert len((await control.get("/_sandbox/requests")).json()) == 2


async def test_it_runs_as_a_process_of_its_own() -> None:
    """The simulator alone prints its address, answers there, and ends cleanly when asked."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge.sandbox.ringcentral",
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        url = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        async with httpx.AsyncClient(base_url=url) as http:
            assert (await ask_for_token(http)).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()


async def test_a_hundred_texts_a_second_are_no_burden() -> None:
    """With 20,000 records on file 200 texts, client included, take less than 2 s of a core."""
    async with dana_at(rate_limits=False) as (simulator, api):
        simulator.fill(20_000)
        headers = {"Authorization": f"Bearer {api.access_token}"}
        body = sms("Hi", [ALICE], NUMBER)
        used_before = time.process_time()
        for _text in range(200):
            assert (await api.http.post(SMS, json=body, headers=headers)).status_code == 200
        assert time.process_time() - used_before < 2.0
