"""Control over HTTP for other processes, from loopback only."""

from __future__ import annotations

import base64
import dataclasses
import functools
import ipaddress
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bridge.sandbox.foreign import foreign_content
from bridge.sandbox.ringcentral.clock import to_iso
from bridge.sandbox.ringcentral.dialing import to_e164
from bridge.sandbox.ringcentral.phones import Phone, ReceivedText
from bridge.sandbox.ringcentral.screen import phones_screen, show_phone

if TYPE_CHECKING:
    from bridge.sandbox.ringcentral.server import RingCentralSimulator

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def guard_control(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever interface the simulator listens on, its control is for this machine."""
    if not request.path.startswith("/_sandbox/"):
        return await handler(request)
    if not _is_loopback(request.remote):
        return web.json_response({"error": "from loopback only"}, status=403)
    try:
        return await handler(request)
    except (KeyError, TypeError, ValueError) as error:
        return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)


def _is_loopback(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_loopback


def _written_number(text: str) -> str:
    """A phone number as people write it, in E.164; ValueError for what is none."""
    number = to_e164(text)
    if number is None:
        raise ValueError("write a whole number, such as +1 415 555 0100")
    return number


class Control:
    """The routes under /_sandbox/."""

    def __init__(self, simulator: RingCentralSimulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_sandbox/phones/{number}/texts", self._text_from_phone),
            web.post("/_sandbox/phones/{number}", self._set_phone),
            web.get("/_sandbox/screen", self._screen),
            web.get("/_sandbox/changes", self._simulator.changes.stream),
            web.get("/_sandbox/files/{file_id}", self._file),
            web.post("/_sandbox/blacklist", self._blacklist),
            web.get("/_sandbox/phones/{number}", self._show_phone),
            web.get("/_sandbox/phones", self._list_phones),
            web.post("/_sandbox/app_sends", self._app_sends),
            web.get("/_sandbox/messages", self._list_messages),
            web.get("/_sandbox/requests", self._list_requests),
            web.get("/_sandbox/notifications", self._list_notifications),
            web.get("/_sandbox/state", self._show_state),
            web.post("/_sandbox/clock", self._move_clock),
            *self._simulator.faults.routes(),
        ]

    async def _text_from_phone(self, request: web.Request) -> web.Response:
        body = await request.json()
        files = [
            (each["name"], each["type"], base64.b64decode(each["base64"]))
            for each in body.get("attachments", [])
        ]
        phone = self._simulator.phone(request.match_info["number"])
        to = body["to"]
        try:
            message = await phone.texts(body.get("text", ""), to=to, attachments=files)
        except LookupError as error:
            return web.json_response({"error": str(error)}, status=409)
        return web.json_response(self._simulator.show(message), status=201)

    async def _show_phone(self, request: web.Request) -> web.Response:
        phone = self._simulator.phone(request.match_info["number"])
        return web.json_response(_show_phone(phone))

    async def _list_phones(self, _request: web.Request) -> web.Response:
        phones = self._simulator.world.carrier.phones.values()
        return web.json_response([_show_phone(phone) for phone in phones])

    async def _set_phone(self, request: web.Request) -> web.Response:
        """Add a phone, name it, or say what its carrier does; `opted_out_of` is all numbers."""
        body, simulator = await request.json(), self._simulator
        phone = simulator.phone(_written_number(request.match_info["number"]))
        phone.name = str(body.get("name", phone.name))[:40]
        phone.fails_with = str(body.get("fails_with", phone.fails_with))
        phone.reports = bool(body.get("reports", phone.reports))
        if "has_opted_out" in body:
            simulator.opt_phone(phone, is_out=bool(body["has_opted_out"]))
        simulator.changes.note()
        return web.json_response(show_phone(simulator, phone))

    async def _screen(self, _request: web.Request) -> web.Response:
        return web.json_response(phones_screen(self._simulator))

    async def _file(self, request: web.Request) -> web.Response:
        file = self._simulator.world.carrier.files.get(int(request.match_info["file_id"]))
        if file is None:
            return web.json_response({"error": "there is no such file"}, status=404)
        return foreign_content(file.content, file.content_type)

    async def _blacklist(self, _request: web.Request) -> web.Response:
        self._simulator.blacklist_webhooks()
        return web.json_response({"ok": True})

    async def _app_sends(self, request: web.Request) -> web.Response:
        body = await request.json()
        message = await self._simulator.app_sends(
            body["extension"], body["from"], body["to"], body["text"]
        )
        return web.json_response(self._simulator.show(message), status=201)

    async def _list_messages(self, request: web.Request) -> web.Response:
        return web.json_response(
            self._simulator.messages(request.query.get("extension"), request.query.get("direction"))
        )

    async def _list_requests(self, _request: web.Request) -> web.Response:
        requests = [
            dataclasses.asdict(each) | {"at": to_iso(each.at)} for each in self._simulator.requests
        ]
        return web.json_response(requests)

    async def _list_notifications(self, _request: web.Request) -> web.Response:
        """The envelopes that have left for webhooks, oldest first, with what each was answered."""
        return web.json_response(
            [
                {"status": each.status, "at": to_iso(each.at), **each.body}
                for each in self._simulator.notifications
            ]
        )

    async def _show_state(self, _request: web.Request) -> web.Response:
        # The account's sets become sorted lists.
        dump = functools.partial(json.dumps, default=sorted)
        return web.json_response(self._simulator.state(), dumps=dump)

    async def _move_clock(self, request: web.Request) -> web.Response:
        """`forward_seconds`, or `offset_seconds` and `paused_at`."""
        body = await request.json()
        if "forward_seconds" in body:
            self._simulator.clock.forward(float(body["forward_seconds"]))
        else:
            self._simulator.clock.pace.set_over_http(body)
        self._simulator.changes.note()
        return web.json_response({"now": to_iso(self._simulator.clock.now())})


def _show_phone(phone: Phone) -> dict[str, Any]:
    return {"number": phone.number, "received": [_show_text(text) for text in phone.received]}


def _show_text(text: ReceivedText) -> dict[str, Any]:
    return {
        "from": text.from_number,
        "to": list(text.to_numbers),
        "text": text.text,
        "at": to_iso(text.at),
        "is_automatic": text.is_automatic,
        "attachments": [
            {"name": each.file_name, "type": each.content_type, "size": len(each.content)}
            for each in text.attachments
        ],
    }
