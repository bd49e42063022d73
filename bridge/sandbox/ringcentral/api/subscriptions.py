"""Subscriptions over REST, and the ones made inside a WebSocket."""

from __future__ import annotations

from typing import Any

from bridge.sandbox.ringcentral.calls import Answer, Call
from bridge.sandbox.ringcentral.errors import Refusal
from bridge.sandbox.ringcentral.subscriptions import (
    TRANSPORT_SCOPES,
    Subscription,
    check_reminders,
    read_ttl,
)
from bridge.sandbox.ringcentral.world import World


def _shown(world: World, subscription: Subscription) -> dict[str, Any]:
    return subscription.rest(world.base_url, world.clock.now())


async def find(world: World, call: Call) -> Answer:
    """This user's and app's own subscriptions."""
    mine = world.subscriptions.of(call.app, call.caller)
    records = [_shown(world, subscription) for subscription in mine]
    return Answer({"uri": f"{world.base_url}{call.path}", "records": records})


async def create(world: World, call: Call) -> Answer:
    """Subscribe; a webhook must first answer the handshake."""
    body = call.json_object()
    mode = body.get("deliveryMode")
    if not isinstance(mode, dict) or mode.get("transportType") not in TRANSPORT_SCOPES:
        raise Refusal("CMN-101", parameter="deliveryMode.transportType")
    transport = mode["transportType"]
    if not TRANSPORT_SCOPES[transport] & call.app.scopes:
        name = sorted(TRANSPORT_SCOPES[transport])[0]
        raise Refusal("CMN-401", detail=name, extra={"permissionName": name})
    if transport == "WebSocket":
        return _create_on_websocket(world, call, body)
    return await _create_webhook(world, call, body, mode)


async def _create_webhook(
    world: World, call: Call, body: dict[str, Any], mode: dict[str, Any]
) -> Answer:
    ttl_seconds = read_ttl(body)
    filters, disabled = world.subscriptions.read_filters(body.get("eventFilters"), call.caller)
    check_reminders(filters, ttl_seconds)
    world.subscriptions.check_room(call.app, call.caller)
    address = mode.get("address", "")
    await world.notifier.validate(address)
    subscription = world.subscriptions.add(
        call.app, call.caller, "WebHook", filters, disabled, ttl_seconds
    )
    subscription.address = address
    subscription.verification_token = str(mode.get("verificationToken", ""))
    world.notifier.plan_reminders(subscription)
    return Answer(_shown(world, subscription))


def _create_on_websocket(world: World, call: Call, body: dict[str, Any]) -> Answer:
    """One subscription per connection: a new one replaces the old; expiresIn is ignored."""
    if not call.websocket_id:
        raise Refusal("CMN-101", parameter="deliveryMode.transportType")
    filters, disabled = world.subscriptions.read_filters(body.get("eventFilters"), call.caller)
    for old in world.subscriptions.living():
        if old.websocket_id == call.websocket_id:
            world.subscriptions.remove(old)
    ttl_seconds = int(world.settings.absolute_timeout_seconds + world.settings.recovery_seconds)
    subscription = world.subscriptions.add(
        call.app, call.caller, "WebSocket", filters, disabled, ttl_seconds
    )
    subscription.websocket_id = call.websocket_id
    answer = Answer(_shown(world, subscription))
    answer.headers["WSG-SubscriptionId"] = subscription.subscription_id
    return answer


def _named(world: World, call: Call) -> Subscription:
    """The subscription in the path; one made on a WebSocket is changed only there."""
    subscription = world.subscriptions.get(call.params["subscriptionId"], call.app, call.caller)
    if subscription.websocket_id and subscription.websocket_id != call.websocket_id:
        raise Refusal("SUB-511", status=403)
    return subscription


async def get(world: World, call: Call) -> Answer:
    """One subscription, with its state."""
    mine = world.subscriptions.get(call.params["subscriptionId"], call.app, call.caller)
    return Answer(_shown(world, mine))


async def replace(world: World, call: Call) -> Answer:
    """PUT: new filters (none given: the same) and a new life; other members are ignored."""
    subscription = _named(world, call)
    body = call.json_object() if call.body else {}
    if "eventFilters" in body:
        filters, disabled = world.subscriptions.read_filters(body["eventFilters"], call.caller)
        subscription.filters, subscription.disabled = filters, disabled
    if "expiresIn" in body and not subscription.websocket_id:
        subscription.ttl_seconds = read_ttl(body)
    answer = _renewed(world, subscription)
    if subscription.websocket_id:
        answer.headers["WSG-SubscriptionId"] = subscription.subscription_id
    return answer


async def renew(world: World, call: Call) -> Answer:
    """Start the life anew; a suspended webhook stays suspended."""
    return _renewed(world, _named(world, call))


def _renewed(world: World, subscription: Subscription) -> Answer:
    subscription.renew(world.clock.now())
    world.notifier.plan_reminders(subscription)
    return Answer(_shown(world, subscription))


async def delete(world: World, call: Call) -> Answer:
    """End a subscription."""
    world.subscriptions.remove(_named(world, call))
    return Answer(status=204)
