"""A small client for the simulated RingCentral that holds every exchange against the OpenAPI."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from bridge.sandbox.ringcentral import CLIENT_ID, CLIENT_SECRET, JWT, RingCentralSimulator
from tests.contracts.openapi import check_exchange

ALICE = "+14155550100"
CAROL = "+15035550101"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXTENSION = "/restapi/v1.0/account/~/extension/~"

File = tuple[str, bytes, str]


class Api:
    """Calls RingCentral as one logged-in user."""

    def __init__(self, http: httpx.AsyncClient, access_token: str) -> None:
        self.http = http
        self.access_token = access_token

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Any = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """One request; its answer has been held against the description."""
        all_headers = {"Authorization": f"Bearer {self.access_token}", **(headers or {})}
        content = None if body is None else json.dumps(body)
        if content is not None:
            all_headers.setdefault("Content-Type", "application/json")
        response = await self.http.request(
            method, path, content=content, params=params or None, headers=all_headers
        )
        request_type = all_headers.get("Content-Type", "application/json")
        check_response(response, body, request_type=request_type)
        return response

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.call("GET", path, params=params)

    async def send(
        self, text: str, *, to: str | list[str] = ALICE, from_number: str = "+16505550101"
    ) -> httpx.Response:
        numbers = [to] if isinstance(to, str) else to
        return await self.call("POST", f"{EXTENSION}/sms", sms(text, numbers, from_number))

    async def send_files(
        self, files: list[File], *, text: str = "", path: str = "sms", body: Any = None
    ) -> httpx.Response:
        """Multipart as the official SDK makes it: the JSON first, then the files."""
        envelope = body or sms(text, [ALICE], "+16505550101")
        parts: list[tuple[str, File]] = [
            ("json", ("request.json", json.dumps(envelope).encode(), "application/json")),
            *(("attachment", file) for file in files),
        ]
        response = await self.http.post(
            f"{EXTENSION}/{path}",
            files=parts,
            headers={"Authorization": f"Bearer {self.access_token}"},
        )
        check_response(response, envelope, request_type="multipart/form-data")
        return response


def sms(text: str, to: list[str], from_number: str) -> dict[str, Any]:
    return {
        "from": {"phoneNumber": from_number},
        "to": [{"phoneNumber": number} for number in to],
        "text": text,
    }


def check_response(
    response: httpx.Response, request_body: Any, *, request_type: str = "application/json"
) -> None:
    content_type = response.headers.get("Content-Type", "application/json").split(";")[0]
    body: Any = response.content or None
    if body is not None and "json" in content_type:
        body = response.json()
    check_exchange(
        response.request.method,
        str(response.request.url),
        request_body,
        response.status_code,
        body,
        request_type=request_type,
        response_type=content_type,
    )


def codes(response: httpx.Response) -> list[str]:
    return [error["errorCode"] for error in response.json()["errors"]]


async def ask_for_token(
    http: httpx.AsyncClient,
    *,
    client: tuple[str, str] = (CLIENT_ID, CLIENT_SECRET),
    **form: str,
) -> httpx.Response:
    """POST /restapi/oauth/token with this form; a JWT login when no grant is said."""
    form = {"grant_type": JWT_GRANT, "assertion": JWT} | form
    response = await http.post("/restapi/oauth/token", data=form, auth=client)
    check_response(response, form, request_type="application/x-www-form-urlencoded")
    return response


@asynccontextmanager
async def logged_in(simulator: RingCentralSimulator, jwt: str = JWT) -> AsyncIterator[Api]:
    """A started simulator's API, as the owner of this JWT."""
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        token = await ask_for_token(http, assertion=jwt)
        yield Api(http, token.json()["access_token"])


@asynccontextmanager
async def dana_at(**overrides: Any) -> AsyncIterator[tuple[RingCentralSimulator, Api]]:
    """A simulator made and started for one test, with Dana logged in."""
    async with RingCentralSimulator(**overrides) as simulator, logged_in(simulator) as api:
        yield simulator, api
