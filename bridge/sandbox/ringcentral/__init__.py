"""A simulated RingCentral account with the phones around it, over HTTP and WebSocket.

It refuses what RingCentral refuses, with its status, code and error shape.

    async with RingCentralSimulator() as ringcentral:         # or: await .start(); await .stop()
        alice = ringcentral.phone("+14155550100")
        await alice.texts("Is my order ready?", to=NUMBER)
        text = await alice.wait_for_text("Yes, until 6 pm")

Constructor
    RingCentralSimulator(settings=None, *, account=None, apps=None, clock=None, faults=None,
                         **overrides)
    `overrides` are fields of `Settings`: rate_limits=False, rate_limit_scale=10,
    sent_after_seconds, delivered_after_seconds (None: carriers report nothing),
    visible_after_seconds (how late the store shows a new record), webhook_timeout_seconds,
    blacklist_after_seconds, notification_delay_seconds, recovery_seconds, idle_timeout_seconds,
    absolute_timeout_seconds, max_sessions, seed, ...
    await start(host="127.0.0.1", port=0), await stop(), .url; a stopped simulator can be started
    again and still knows everything (stop(), start(port=same) is an outage).

Who and what is there (`default_account()`; all of it is plain data that a test may change)
    CLIENT_ID, CLIENT_SECRET, JWT (Dana's), JWT_ELI; .account, .apps
    101 Dana (super admin)  NUMBER +16505550101   SmsSender, MmsSender
                            TOLL_FREE_NUMBER +18885550150  SmsSender
    102 Eli (plain user)    +16505550102          SmsSender
    103 Rita, Disabled      DISABLED_NUMBER +16505550103;  104 Fred, Frozen: +16505550104
    201 Front desk, Department: QUEUE_NUMBER +16505550120, Dana sends for it, its own store
    301 Oakland, Site: SITE_NUMBER +16505550130, texts live in Dana's store
    main number MAIN_NUMBER +16505550100 (nobody may text from it), fax FAX_NUMBER +16505550140
    .account.extension("101") by number or id; .account.number("+1650...") -> PhoneNumber, whose
    `features`, `sms_holder_ids`, `status`, `campaign_status` may be changed.

Phones outside
    phone(number) -> Phone (made when first asked for)
    await phone.texts(text, to=number or [numbers], attachments=[(name, type, bytes)]) -> Message
        several numbers make a group MMS; STOP and START words opt the pair out and in
    phone.received -> list of ReceivedText(from_number, to_numbers, text, attachments, at)
    phone.texts_received -> their bodies
    await phone.wait_for_text(containing="", timeout_seconds=5) -> the first that contains it
    phone.fails_with = "SMS-CAR-411": texts to it are accepted, then fail with the code
    await app_sends(extension, from_number, to, text) -> Message   sent from RingCentral's own app

What is seen
    messages(extension=None, direction=None) -> list of records as REST shows them, oldest first
    sent -> the outbound `Message`s accepted over the API, in order
    requests -> RecordedRequest(at, method, path, query, status, group, during_penalty, app_id,
        extension_id); during_penalty: it hit a running penalty, and so restarted it
    subscriptions -> the living ones; notifications -> SentNotification(subscription_id, body,
        status, at); .websocket_count
    await settled(timeout_seconds=5)   no delivery step and no notification is outstanding
    await wait_for(predicate, timeout_seconds=5) -> the first truthy value, else TimeoutError

What goes wrong, on demand
    faults.add(kind, method=, path=, times=, ...)  see bridge.sandbox.faults
    expire_access_tokens(), expire_sync_tokens(), drop_websockets(recoverable=True),
    opt_out(number, phone), opt_in(number, phone), delete(message_id, purge=False)
    fill(count, extension="101", phones=1000)  many records at once, without events

Time: .clock.now(), .clock.forward(seconds) moves this account's own time (tokens, penalties, dates,
the Date header, delivery steps); machine time-outs of HTTP do not move.

Over HTTP, from loopback only, JSON in and out:
    POST /_sandbox/phones/{number}/texts {text, to, attachments: [{name, type, base64}]}
    GET  /_sandbox/phones/{number}       {received: [...]};  GET /_sandbox/phones
    POST /_sandbox/app_sends {extension, from, to, text}
    GET  /_sandbox/messages?extension=101, /_sandbox/requests, /_sandbox/notifications,
         /_sandbox/state
    POST, GET, DELETE /_sandbox/faults;  POST /_sandbox/clock {forward_seconds}
    `python -m bridge.sandbox.ringcentral --port 0` prints its address on the first line.
"""

from bridge.sandbox.ringcentral.account import (
    CLIENT_ID,
    CLIENT_SECRET,
    DISABLED_NUMBER,
    ELI_NUMBER,
    FAX_NUMBER,
    FROZEN_NUMBER,
    JWT,
    JWT_ELI,
    MAIN_NUMBER,
    NUMBER,
    PENDING_NUMBER,
    QUEUE_NUMBER,
    SITE_NUMBER,
    TOLL_FREE_NUMBER,
    Account,
    App,
    Extension,
    PhoneNumber,
    default_account,
)
from bridge.sandbox.ringcentral.clock import SimulatorClock
from bridge.sandbox.ringcentral.messages import Message
from bridge.sandbox.ringcentral.phones import Phone, ReceivedText
from bridge.sandbox.ringcentral.server import RingCentralSimulator
from bridge.sandbox.ringcentral.settings import Settings

__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "DISABLED_NUMBER",
    "ELI_NUMBER",
    "FAX_NUMBER",
    "FROZEN_NUMBER",
    "JWT",
    "JWT_ELI",
    "MAIN_NUMBER",
    "NUMBER",
    "PENDING_NUMBER",
    "QUEUE_NUMBER",
    "SITE_NUMBER",
    "TOLL_FREE_NUMBER",
    "Account",
    "App",
    "Extension",
    "Message",
    "Phone",
    "PhoneNumber",
    "ReceivedText",
    "RingCentralSimulator",
    "Settings",
    "SimulatorClock",
    "default_account",
]
