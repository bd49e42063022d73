"""Whose resources a call is about, and whether its caller may touch them."""

from __future__ import annotations

from bridge.sandbox.ringcentral.account import Extension
from bridge.sandbox.ringcentral.calls import Call
from bridge.sandbox.ringcentral.errors import Refusal
from bridge.sandbox.ringcentral.messages import Message
from bridge.sandbox.ringcentral.world import World


def named_extension(world: World, call: Call) -> Extension:
    """The extension in the path; `~` is the caller."""
    name = call.params["extensionId"]
    if name == "~":
        return call.caller
    for extension in world.account.extensions:
        if str(extension.extension_id) == name:
            return extension
    raise Refusal("CMN-102", parameter="extensionId")


def only_self(world: World, call: Call) -> Extension:
    """For sending: not even a super admin acts for another extension."""
    extension = named_extension(world, call)
    if extension is not call.caller:
        raise Refusal("CMN-419", extra={"extensionId": str(extension.extension_id)})
    return extension


def readable_store(world: World, call: Call) -> Extension:
    """The store in the path, when the caller may read it."""
    extension = named_extension(world, call)
    if not world.account.may_read_store_of(call.caller, extension):
        raise Refusal("CMN-419", extra={"extensionId": str(extension.extension_id)})
    return extension


def stores_asked_for(world: World, call: Call) -> list[int]:
    """The stores a list covers: `owner` is Personal (default), Shared, Any, or extension ids.

    Texts of a call queue stay hidden unless they are asked for.
    """
    own = readable_store(world, call)
    owners = call.values("owner") or ["Personal"]
    shared = [
        each.extension_id
        for each in world.account.extensions
        if each.type == "Department" and world.account.may_read_store_of(own, each)
    ]
    known = {"Personal": [own.extension_id], "Shared": shared, "Any": [own.extension_id, *shared]}
    if len(owners) == 1 and owners[0] in known:
        return _of_types(world, call, known[owners[0]])
    if not all(owner.isdecimal() for owner in owners):
        raise Refusal("CMN-101", parameter="owner")
    readable = {own.extension_id, *shared}
    return _of_types(world, call, [int(owner) for owner in owners if int(owner) in readable])


def _of_types(world: World, call: Call, store_ids: list[int]) -> list[int]:
    types = call.values("ownerExtensionType")
    if not types:
        return store_ids
    return [each for each in store_ids if world.account.extension(each).type in types]


def message_in(world: World, store: Extension, text: str, parameter: str = "messageId") -> Message:
    """A visible record of this store (purged ones are gone); raises CMN-102."""
    message = world.mailboxes.get(int(text)) if text.isdecimal() else None
    if message is None or message.availability == "Purged":
        raise Refusal("CMN-102", parameter=parameter)
    if message.store_id != store.extension_id:
        raise Refusal("CMN-102", parameter=parameter)
    return message
