"""What the doctor asks RingCentral: whose login it is, its numbers, stores and notifications."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from bridge.clock import Clock, machine_now
from bridge.findings import Check, Finding, clock_finding, of_sentence
from bridge.outbox.gates import REPLY
from bridge.relay.numbers import format_number
from bridge.relay.texts import OwnNumber
from bridge.ringcentral.client import OWN_EXTENSION_PATH, RingCentralClient
from bridge.ringcentral.directory import Directory, Owner
from bridge.ringcentral.parse import parse_time
from bridge.ringcentral.problems import LoginRefused, Refusal
from bridge.ringcentral.subscription import (
    REMEDIES,
    WATCH_SECONDS,
    WEBHOOK_PATH,
    address_of,
    filters_of,
    find_stores,
    heard_filters,
    read_subscription,
)
from bridge.settings import Settings
from storage import cursors, inboxes, logins, subscriptions
from storage.database import Database
from storage.tables import Cursor, Inbox, Subscription

SENDING_SCOPES = frozenset({"SMS", "ReadAccounts"})  # SMS includes the reading of messages
WEBHOOK_SCOPES = frozenset({"SubscriptionWebhook"})
LONG_UNREAD_SECONDS = 900.0
ENDS_SOON = timedelta(days=7)
REACH_SECONDS = 8.0
HANDSHAKE = "a-question-of-the-doctor"

CONSOLE = "RingCentral's developer console"
BY_ITSELF = f"While the bridge runs it mends that by itself within {WATCH_SECONDS / 60:.0f} minutes"


class RingCentralExamination:
    """RingCentral's part of the doctor; `client` and `directory` are asked for when it looks."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        client: Callable[[], RingCentralClient],
        directory: Callable[[], Directory],
    ) -> None:
        self._settings, self._database, self._clock = settings, database, clock
        self._client, self._directory = client, directory

    def checks(self) -> list[Check]:
        """Each with its name."""
        checks = [
            Check("RingCentral login", self._login),
            Check("Numbers", self._numbers),
            Check("Message stores", self._stores),
        ]
        if self._settings.public_url is not None:
            checks.append(Check("Notifications", self._notifications))
        return checks

    async def _inboxes(self) -> list[Inbox]:
        login_id = self._client().login_id
        connected = await self._database.read(inboxes.find_connected)
        return [each for each in connected if each.login_id == login_id]

    # The login

    async def _login(self) -> list[Finding]:
        client = self._client()
        try:
            own = await client.request("GET", OWN_EXTENSION_PATH, priority=REPLY)
        except LoginRefused as refusal:
            return [of_sentence("RingCentral login", "bad", str(refusal), ". ")]
        except Refusal as refusal:
            return [_refused("RingCentral login", refusal)]
        found = [Finding("RingCentral login", "ok", f"{_whose(own)}.")]
        login = await self._database.read(logins.get, client.login_id)
        if login.scopes is not None:
            found.append(self._of_scopes(login.scopes.split()))
        if client.server_time_offset is not None:
            # by product time, which is machine time but in a sandbox that moves all clocks at once
            moved = self._clock.now() - machine_now()
            seconds = (client.server_time_offset - moved).total_seconds()
            found.append(clock_finding("RingCentral clock", "RingCentral's", seconds))
        return found

    def _of_scopes(self, given: Collection[str]) -> Finding:
        needed = SENDING_SCOPES
        if self._settings.public_url is not None:
            needed |= WEBHOOK_SCOPES
        missing = sorted(needed - set(given))
        if not missing:
            words = "The app has every permission it needs."
            return Finding("RingCentral permissions", "ok", words)
        words = f"The RingCentral app lacks {' and '.join(missing)}."
        return Finding("RingCentral permissions", "bad", words, _add_permissions(missing))

    # Numbers

    async def _numbers(self) -> list[Finding]:
        connected = await self._inboxes()
        if not connected:
            return []
        try:
            own = await self._directory().some({each.phone_number for each in connected})
            found = [
                self._of_number(each, own[each.phone_number])
                for each in connected
                if each.phone_number in own
            ]
            missing = [each for each in connected if each.phone_number not in own]
            return [*found, *await self._of_strange(missing)]
        except LoginRefused:
            return []  # the login's finding says it
        except Refusal as refusal:
            return [_refused("Numbers", refusal)]

    def _of_number(self, inbox: Inbox, own: OwnNumber) -> Finding:
        number = self._written(inbox)
        if own.why_not is not None:
            return of_sentence("Numbers", "bad", f"{number} — {own.why_not}", ": ")
        if own.store != inbox.store:
            words = (
                f"{number} belongs to {own.owner_name} now: its texts come to another message "
                "store than when it was connected."
            )
            command = self._settings.command
            remedy = (
                f"In its channel type `{command} disconnect`, then `{command} connect "
                f"{own.phone_number}`."
            )
            return Finding("Numbers", "bad", words, remedy)
        words = f"{number} can send and receive; it belongs to {own.owner_name}."
        return Finding("Numbers", "ok", words)

    async def _of_strange(self, missing: Sequence[Inbox]) -> list[Finding]:
        """Inboxes whose number this login does not have: whose it is, where that may be read."""
        if not missing:
            return []
        own = await self._client().request("GET", OWN_EXTENSION_PATH, priority=REPLY)
        try:
            owners = await self._directory().owners({each.phone_number for each in missing})
        except Refusal as refusal:
            if refusal.status != 403:
                raise
            owners = None  # it may not read the company's list
        return [self._of_another(each, own, owners) for each in missing]

    def _of_another(
        self, inbox: Inbox, own: Mapping[str, Any], owners: Mapping[str, Owner] | None
    ) -> Finding:
        number, whose = self._written(inbox), _whose(own)
        owner = (owners or {}).get(inbox.phone_number)
        if owner is not None and owner.extension_number:
            words = (
                f"{whose}; {number} belongs to extension {owner.extension_number} ({owner.name})."
            )
            remedy = (
                f"Sign in to {CONSOLE} as extension {owner.extension_number}, make its JWT, set "
                "RINGCENTRAL_JWT to it, and start the bridge again."
            )
        elif owner is not None or owners is None:
            words = f"{whose}, which does not have {number}."
            remedy = (
                "An administrator assigns the number to that extension in RingCentral's Admin "
                f"Portal; or sign in to {CONSOLE} as the extension that has it, and make its JWT."
            )
        else:
            words = f"{number} is no number of this RingCentral account any more."
            remedy = (
                f"Type `{self._settings.command} disconnect` in its channel, and connect another."
            )
        return Finding("Numbers", "bad", words, remedy)

    def _written(self, inbox: Inbox) -> str:
        return format_number(inbox.phone_number, self._settings.region)

    # Message stores

    async def _stores(self) -> list[Finding]:
        connected = await self._inboxes()
        read = {each.store: each for each in await self._database.read(cursors.find)}
        found = [
            self._of_store(self._written(each), read[each.store])
            for each in connected
            if each.store in read
        ]
        words = "The texts of every number have been read to the end."
        late = [each for each in found if each is not None]
        return late or ([Finding("Message stores", "ok", words)] if connected else [])

    def _of_store(self, number: str, cursor: Cursor) -> Finding | None:
        seconds = (machine_now() - (cursor.synced_at or cursor.since_at)).total_seconds()
        if seconds > max(LONG_UNREAD_SECONDS, 3 * self._settings.sync_seconds):
            words = f"The texts of {number} have not been read for {seconds / 60:.0f} minutes."
            remedy = (
                "See that `sms-bridge up` or `web` runs; what hinders it is among the other "
                "findings, or in its log (ringcentral.work_failed). Then they are caught up."
            )
            return Finding("Message stores", "bad", words, remedy)
        if cursor.gap_open:
            words = f"Older texts of {number} may still be missing."
            remedy = "They are being read, and newer ones are shown after them: look again soon."
            return Finding("Message stores", "warn", words, remedy)
        return None

    # Notifications by webhook

    async def _notifications(self) -> list[Finding]:
        client = self._client()
        stores = await self._database.read(find_stores, client.login_id)
        if not stores:
            return []
        reached = await self._reach()
        on_file = await self._database.read(subscriptions.get, client.login_id)
        try:
            told = await self._of_subscription(client, on_file, stores)
        except LoginRefused:
            return reached
        except Refusal as refusal:
            return [*reached, _refused("Notifications", refusal)]
        return [*reached, told]

    async def _reach(self) -> list[Finding]:
        """RingCentral's own handshake, from here."""
        assert self._settings.public_url is not None, "checked only then"
        url = self._settings.public_url + WEBHOOK_PATH
        is_ours = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
        try:
            async with httpx.AsyncClient(timeout=REACH_SECONDS, trust_env=not is_ours) as asking:
                answer = await asking.post(url, headers={"Validation-Token": HANDSHAKE})
        except httpx.HTTPError as error:
            words = f"{url} cannot be reached from here ({type(error).__name__})."
            remedy = (
                "See that `sms-bridge up` or `web` runs, and check BRIDGE_PUBLIC_URL and the proxy."
            )
            return [Finding("Notifications", "bad", words, remedy)]
        if answer.headers.get("Validation-Token") == HANDSHAKE:
            return []
        words = f"{url} does not answer RingCentral's handshake as the bridge does."
        remedy = "Something else stands at that address: check BRIDGE_PUBLIC_URL and the proxy."
        return [Finding("Notifications", "bad", words, remedy)]

    async def _of_subscription(
        self, client: RingCentralClient, on_file: Subscription | None, stores: Sequence[str]
    ) -> Finding:
        if on_file is None or not on_file.ringcentral_subscription_id:
            words = "RingCentral has not taken our subscription: texts come late."
            return _notifications("bad", words, f"{BY_ITSELF}; if not, its log says why.")
        living = await read_subscription(client, on_file.ringcentral_subscription_id)
        if living is None:
            words = "RingCentral knows our subscription no more: texts come late."
            return _notifications("bad", words, f"{BY_ITSELF}.")
        return self._of_living(
            living, filters_of(stores), heard_filters(living, await client.identity())
        )

    def _of_living(
        self, living: Mapping[str, Any], wanted: Collection[str], heard: Collection[str]
    ) -> Finding:
        assert self._settings.public_url is not None, "checked only then"
        if living.get("status") != "Active":
            words = f"RingCentral has stopped our notifications ({living.get('status')})."
            return _notifications("bad", words, f"{BY_ITSELF}; if not, {REMEDIES['SUB-521']}.")
        if address_of(living) != self._settings.public_url + WEBHOOK_PATH:
            words = f"RingCentral's notifications go to {address_of(living)}, not to this bridge."
            return _notifications("bad", words, f"{BY_ITSELF}: start it with its new address.")
        for each in living.get("disabledFilters", ()):
            reason = each.get("reason") or "no reason given"
            words = f"RingCentral does not tell of every number's texts ({reason}): they come late."
            return _notifications("warn", words, f"Perhaps {REMEDIES['SUB-405']}.")
        if not set(wanted) <= set(heard):
            words = "RingCentral does not tell of every number's texts yet."
            return _notifications("warn", words, f"{BY_ITSELF}.")
        ends_at = parse_time(living.get("expirationTime"))
        if ends_at - machine_now() < ENDS_SOON:
            words = f"RingCentral's notifications end on {ends_at:%d %B}."
            return _notifications("warn", words, f"{BY_ITSELF}; if not, its log says why.")
        return _notifications("ok", f"RingCentral notifies the bridge, until {ends_at:%d %B %Y}.")


def _notifications(level: Any, words: str, remedy: str = "") -> Finding:
    return Finding("Notifications", level, words, remedy)


def _whose(own: Mapping[str, Any]) -> str:
    name = own.get("name") or "somebody"
    return f"This JWT is {name}'s, extension {own.get('extensionNumber', own['id'])}"


def _add_permissions(missing: Sequence[str]) -> str:
    return (
        f"Add {' and '.join(missing)} to the app in {CONSOLE} (Settings, App permissions), and "
        "start the bridge again within the hour: it counts from the next login."
    )


def _refused(check: str, refusal: Refusal) -> Finding:
    """CMN-401: the app may not; CMN-408: its user may not (RingCentral's permissions guide)."""
    what = refusal.permission or "a permission"
    if "CMN-401" in refusal.codes:
        return Finding(check, "bad", f"The RingCentral app lacks {what}.", _add_permissions([what]))
    if "CMN-408" in refusal.codes:
        words = f"The user whose JWT this is lacks {what}."
        remedy = "An administrator gives the user a role with it in RingCentral's Admin Portal."
        return Finding(check, "bad", words, remedy)
    words = f"RingCentral refuses to tell ({refusal.code})."
    remedy = "Look again in a minute; if it stays so, ask RingCentral's support with that code."
    return Finding(check, "bad", words, remedy)
