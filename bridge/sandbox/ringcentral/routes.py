"""The table of endpoints with their groups and permissions, and the way a call takes to one."""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Awaitable, Callable

from bridge.sandbox.ringcentral.api import (
    consents,
    directory,
    numbers,
    oauth,
    records,
    send,
    subscriptions,
    sync,
)
from bridge.sandbox.ringcentral.calls import Answer, Call
from bridge.sandbox.ringcentral.errors import Refusal
from bridge.sandbox.ringcentral.world import RecordedRequest, World

Endpoint = Callable[[World, Call], Awaitable[Answer]]

ACCOUNT = "/restapi/v1.0/account/{accountId}"
EXTENSION = ACCOUNT + "/extension/{extensionId}"
STORE = EXTENSION + "/message-store"
CONSENTS = "/restapi/v2/accounts/{accountId}/sms/consents"
SUBSCRIPTION = "/restapi/v1.0/subscription"


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """One endpoint; group, app scope and user permission are the OpenAPI's x- members."""

    method: str
    template: str
    group: str
    scope: str
    permission: str
    endpoint: Endpoint
    needs_login: bool = True
    pattern: re.Pattern[str] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template.replace(".", r"\."))
        object.__setattr__(self, "pattern", re.compile(pattern))


ROUTES = [
    Route("GET", "/restapi", "NoThrottling", "", "", directory.get_versions, needs_login=False),
    Route("POST", "/restapi/oauth/token", "Auth", "", "", oauth.token, needs_login=False),
    Route("POST", "/restapi/oauth/revoke", "Auth", "", "", oauth.revoke, needs_login=False),
    Route("POST", "/restapi/oauth/wstoken", "Auth", "WebSocket", "", oauth.websocket_token),
    Route("POST", EXTENSION + "/sms", "Medium", "SMS", "OutboundSMS", send.send_sms),
    Route("POST", EXTENSION + "/mms", "Medium", "SMS", "OutboundSMS", send.send_mms),
    Route("GET", STORE, "Light", "ReadMessages", "ReadMessages", records.find),
    Route("DELETE", STORE, "Medium", "EditMessages", "EditMessages", records.delete_many),
    Route("GET", STORE + "/{messageId}", "Light", "ReadMessages", "ReadMessages", records.get),
    Route("PUT", STORE + "/{messageId}", "Medium", "EditMessages", "EditMessages", records.put),
    Route("PATCH", STORE + "/{messageId}", "Medium", "EditMessages", "EditMessages", records.patch),
    Route(
        "DELETE", STORE + "/{messageId}", "Medium", "EditMessages", "EditMessages", records.delete
    ),
    Route(
        "GET",
        STORE + "/{messageId}/content/{attachmentId}",
        "Medium",
        "ReadMessages",
        "ReadMessageContent",
        records.get_content,
    ),
    Route("GET", EXTENSION + "/message-sync", "Light", "ReadMessages", "ReadMessages", sync.sync),
    Route(
        "GET",
        EXTENSION + "/phone-number",
        "Light",
        "ReadAccounts",
        "ReadUserPhoneNumbers",
        numbers.find_of_extension,
    ),
    Route(
        "GET",
        EXTENSION + "/phone-number/{phoneNumberId}/sms-configuration",
        "Light",
        "ReadAccounts",
        "",
        numbers.get_sms_configuration,
    ),
    Route(
        "GET",
        EXTENSION + "/sms-recipients",
        "Light",
        "ReadAccounts",
        "",
        numbers.find_sms_recipients,
    ),
    Route(
        "GET",
        ACCOUNT + "/phone-number",
        "Heavy",
        "ReadAccounts",
        "ReadCompanyPhoneNumbers",
        numbers.find_of_account,
    ),
    Route("GET", EXTENSION, "Light", "ReadAccounts", "ReadExtensions", directory.get_extension),
    Route(
        "GET",
        ACCOUNT + "/extension",
        "Medium",
        "ReadAccounts",
        "ReadExtensions",
        directory.find_extensions,
    ),
    Route("GET", ACCOUNT, "Light", "ReadAccounts", "ReadCompanyInfo", directory.get_account),
    Route(
        "GET", ACCOUNT + "/directory/entries", "Medium", "ReadAccounts", "", directory.find_entries
    ),
    Route(
        "GET",
        EXTENSION + "/features",
        "Medium",
        "ReadAccounts",
        "ReadExtensions",
        directory.find_features,
    ),
    Route("GET", CONSENTS, "Light", "SMS", "", consents.find),
    Route("PATCH", CONSENTS, "Light", "SMS", "", consents.update),
    Route("POST", CONSENTS + "/search", "Light", "SMS", "", consents.search),
    Route("GET", SUBSCRIPTION, "Light", "", "", subscriptions.find),
    Route("POST", SUBSCRIPTION, "Medium", "", "", subscriptions.create),
    Route("GET", SUBSCRIPTION + "/{subscriptionId}", "Light", "", "", subscriptions.get),
    Route("PUT", SUBSCRIPTION + "/{subscriptionId}", "Medium", "", "", subscriptions.replace),
    Route("POST", SUBSCRIPTION + "/{subscriptionId}/renew", "Light", "", "", subscriptions.renew),
    Route("DELETE", SUBSCRIPTION + "/{subscriptionId}", "Medium", "", "", subscriptions.delete),
]
# SMS includes the reading of messages.
SCOPES_INCLUDED = {"ReadMessages": {"SMS"}, "WebSocket": {"WebSocketsSubscription"}}


async def answer(world: World, call: Call, record: RecordedRequest) -> Answer:
    """Do what a call asks, or refuse it as RingCentral does; never raises a `Refusal`."""
    headers: dict[str, str] = {"RCRequestId": str(uuid.uuid4())}
    try:
        route = _find(call)
        record.group = route.group
        if route.needs_login:
            _identify(world, call, record)
            record.during_penalty = world.limits.is_closed(
                record.extension_id, record.app_id, route.group
            )
            headers |= world.limits.take(record.extension_id, record.app_id, route.group)
            _check_permissions(route, call)
        else:
            headers |= oauth.take_permit(world, call, record)
        _check_account(world, call)
        answered = await route.endpoint(world, call)
    except Refusal as refusal:
        headers |= refusal.headers
        answered = Answer(refusal.body(), refusal.status)
    answered.headers.update(headers)
    return answered


def _find(call: Call) -> Route:
    path = call.path.rstrip("/")
    for route in ROUTES:
        if route.method != call.method:
            continue
        match = route.pattern.fullmatch(path)
        if match is not None:
            call.path, call.params = path, match.groupdict()
            return route
    raise Refusal("CMN-120")


def _identify(world: World, call: Call, record: RecordedRequest) -> None:
    scheme, _, token = call.headers.get("Authorization", "").partition(" ")
    if not token and call.path.endswith(call.params.get("attachmentId", "\n")):
        # Only the media host takes the token in the address.
        scheme, token = "bearer", call.query.get("access_token", "")
    if scheme.lower() != "bearer" or not token:
        raise Refusal("OAU-151", headers={"WWW-Authenticate": "Bearer"})
    session = world.sessions.authenticate(token.strip())
    call.identify(session.app, session.extension, session.session_id)
    record.app_id = session.app.client_id
    record.extension_id = str(session.extension.extension_id)


def _check_permissions(route: Route, call: Call) -> None:
    scopes = {route.scope} | SCOPES_INCLUDED.get(route.scope, set())
    if route.scope and not scopes & call.app.scopes:
        raise Refusal("CMN-401", detail=route.scope, extra={"permissionName": route.scope})
    if route.permission and route.permission not in call.caller.permissions:
        raise Refusal(
            "CMN-408", detail=route.permission, extra={"permissionName": route.permission}
        )


def _check_account(world: World, call: Call) -> None:
    account_id = call.params.get("accountId", "~")
    if account_id not in {"~", str(world.account.account_id)}:
        raise Refusal("CMN-102", parameter="accountId")
