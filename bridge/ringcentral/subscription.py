"""Our webhook subscription at RingCentral, watched so that it never dies unnoticed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session

from bridge.clock import Clock, machine_now
from bridge.relay.notices import tell_administrators
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.parse import Store, parse_store, parse_time
from bridge.ringcentral.problems import Refusal
from bridge.ringcentral.render import render_subscription
from bridge.ringcentral.turns import Turns
from storage import cursors, inboxes, subscriptions
from storage.database import Database
from storage.tables import Subscription

log = structlog.get_logger(__name__)

WEBHOOK_PATH = "/ringcentral/webhook"
SUBSCRIPTIONS_PATH = "/restapi/v1.0/subscription"
# At most ten years (RingCentral's reference). Renewed at half: one left behind ends by itself.
LIFE_SECONDS = 90 * 24 * 3600
LEASE_SECONDS = 120.0
WATCH_SECONDS = 300.0

REMEDIES = {
    "SUB-520": "the address answered without the Validation-Token: something else stands there",
    "SUB-521": "the address cannot be reached from outside: check BRIDGE_PUBLIC_URL and the proxy",
    "SUB-523": "RingCentral wants https: check BRIDGE_PUBLIC_URL",
    "SUB-524": "RingCentral does not trust the certificate: serve its intermediates too",
    "SUB-525": "the answer from the address is not the bridge's: check the proxy",
    "SUB-405": "the login may not hear of its numbers' stores: make its user a super admin",
    "SUB-505": "the login has 30 subscriptions: delete those of other installations",
}


def filters_of(stores: Sequence[str]) -> list[str]:
    """What we want to hear of: each text as it comes in, and each change of a store."""
    wanted = []
    for each in sorted(stores):
        store = parse_store(each)
        path = f"/restapi/v1.0/account/{store.account_id}/extension/{store.extension_id}"
        wanted += [f"{path}/message-store/instant?type=SMS", f"{path}/message-store"]
    return wanted


async def read_subscription(
    client: RingCentralClient, subscription_id: str
) -> dict[str, Any] | None:
    """What RingCentral says of a subscription; None where it knows none. Raises a Problem."""
    try:
        return await client.request("GET", f"{SUBSCRIPTIONS_PATH}/{subscription_id}")
    except Refusal as refusal:
        if refusal.status != 404:
            raise
        return None


class SubscriptionWatch:
    """Keeps the subscription of one login as it should be."""

    def __init__(
        self,
        client: RingCentralClient,
        database: Database,
        clock: Clock,
        public_url: str,
        turns: Turns,
    ) -> None:
        self._client = client
        self._database = database
        self._clock = clock
        self._address = public_url.rstrip("/") + WEBHOOK_PATH
        self._turns = turns
        self._lease = f"ringcentral-subscription:{client.login_id}"

    async def ensure(self, *, tells: bool = True) -> None:
        """Find, renew, mend or make it; one process at a time. Raises a Problem.

        `tells` is whether administrators hear of a refusal that they can mend.
        """
        async with self._turns.turn(self._lease, LEASE_SECONDS) as is_ours:
            if not is_ours:
                return
            try:
                await self._ensure()
            except Refusal as refusal:
                if tells:
                    await self._tell(refusal)
                raise

    async def _ensure(self) -> None:
        stores = await self._database.read(find_stores, self._client.login_id)
        on_file = await self._database.read(subscriptions.get, self._client.login_id)
        if not stores:
            if on_file is not None:
                await self._remove(on_file)
            return
        wanted = filters_of(stores)
        living = await self._find_living(on_file) if on_file is not None else None
        if living is None:
            await self._create(wanted, on_file)
        else:
            await self._mend(living, wanted)

    async def _find_living(self, on_file: Subscription) -> dict[str, Any] | None:
        """What RingCentral says of the one on file; None where a new one is needed."""
        if not on_file.ringcentral_subscription_id:
            return None
        living = await read_subscription(self._client, on_file.ringcentral_subscription_id)
        if living is None:
            log.warning("ringcentral.subscription_lost")
            return None
        if living.get("status") == "Active" and address_of(living) == self._address:
            return living
        log.warning("ringcentral.subscription_useless", status=living.get("status"))
        return None

    async def _mend(self, living: dict[str, Any], wanted: list[str]) -> None:
        identity = await self._client.identity()
        given = heard_filters(living, identity)
        disabled = _expand(
            [each.get("filter", "") for each in living.get("disabledFilters", [])], identity
        )
        half = timedelta(seconds=LIFE_SECONDS / 2)
        grows_old = parse_time(living.get("expirationTime")) < machine_now() + half
        if given | disabled != set(wanted) or grows_old:
            living = await self._client.request(
                "PUT",
                f"{SUBSCRIPTIONS_PATH}/{living['id']}",
                json={"eventFilters": wanted, "expiresIn": LIFE_SECONDS},
            )
            log.info("ringcentral.subscription_renewed")
        await self._settle(living)

    async def _create(self, wanted: list[str], replaced: Subscription | None) -> None:
        """The secret is on file before RingCentral is asked: a notification may come first."""
        token = await self._database.write(
            subscriptions.announce,
            self._client.login_id,
            self._address,
            secrets.token_urlsafe(24),
            machine_now(),
        )
        await self._delete_others(replaced.ringcentral_subscription_id if replaced else "")
        made = await self._client.request(
            "POST",
            SUBSCRIPTIONS_PATH,
            json=render_subscription(wanted, self._address, token, LIFE_SECONDS),
        )
        await self._database.write(cursors.open_gaps, machine_now())
        await self._settle(made)
        log.info("ringcentral.subscription_created", filters=len(wanted))

    async def _delete_others(self, replaced_id: str) -> None:
        """The one to be replaced, and those at our address whose secret nobody knows."""
        listed = await self._client.request("GET", SUBSCRIPTIONS_PATH)
        for each in listed.get("records", []):
            if address_of(each) == self._address or each["id"] == replaced_id:
                await self._delete(each["id"])

    async def _delete(self, subscription_id: str) -> None:
        try:
            await self._client.request("DELETE", f"{SUBSCRIPTIONS_PATH}/{subscription_id}")
        except Refusal as refusal:
            if refusal.status != 404:
                raise

    async def _remove(self, on_file: Subscription) -> None:
        if on_file.ringcentral_subscription_id:
            await self._delete(on_file.ringcentral_subscription_id)
        await self._database.write(subscriptions.forget, self._client.login_id)

    async def _settle(self, living: dict[str, Any]) -> None:
        await self._database.write(
            _settle,
            self._client.login_id,
            str(living["id"]),
            parse_time(living.get("expirationTime")),
            [each.get("reason") or "" for each in living.get("disabledFilters", [])],
            self._clock.now(),
        )

    async def _tell(self, refusal: Refusal) -> None:
        known = [REMEDIES[code] for code in refusal.codes if code in REMEDIES]
        if known:
            await self._database.write(
                _tell_administrators, refusal.code, known[0], self._clock.now()
            )


def find_stores(session: Session, login_id: int) -> list[str]:
    """The message stores with a connected inbox of the login."""
    connected = inboxes.find_connected(session)
    return sorted({inbox.store for inbox in connected if inbox.login_id == login_id})


def _settle(
    session: Session,
    login_id: int,
    subscription_id: str,
    expires_at: datetime,
    disabled: list[str],
    now: datetime,
) -> None:
    subscriptions.settle(session, login_id, subscription_id, expires_at)
    if disabled:
        what = f"it does not tell of {len(disabled)} of the stores ({disabled[0]}): texts come late"
        _tell_administrators(session, "disabled_filters", what, now)


def _tell_administrators(session: Session, code: str, what: str, now: datetime) -> None:
    sentence = f"RingCentral's notifications do not work as they should: {what}."
    tell_administrators(
        session, f"subscription:{code}:{now.date()}", "admin", {"sentence": sentence}, now
    )


def address_of(subscription: Mapping[str, Any]) -> str:
    """Where it sends what it tells."""
    address = subscription.get("deliveryMode", {}).get("address", "")
    return str(address)


def heard_filters(subscription: Mapping[str, Any], own: Store) -> set[str]:
    """What RingCentral tells us of, in the words of `filters_of`."""
    return _expand(subscription.get("eventFilters", []), own)


def _expand(filters: Sequence[str], own: Store) -> set[str]:
    """`~` is answered by its ids as a rule; compare as if always."""
    return {
        each.replace("/account/~/", f"/account/{own.account_id}/").replace(
            "/extension/~/", f"/extension/{own.extension_id}/"
        )
        for each in filters
    }
