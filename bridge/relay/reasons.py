"""Why a text was not sent or did not arrive: each code in words, with who can mend it. Pure.

Carrier codes: RingCentral's send errors and delivery error codes (reference, ringcentral.md 1.9).
Codes in small letters are the bridge's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mender = Literal["author", "administrator", "customer", "ringcentral", "nobody"]


@dataclass(frozen=True)
class Reason:
    """`sentence` says what happened, `remedy` what can be done, `who` is able to do it."""

    sentence: str
    remedy: str
    who: Mender


_SPLIT = "Send it as several shorter texts."
_CHECK_NUMBER = "Check the number, then send again."
_REWORD = "Word it differently, without links, then send again."
_LATER = "Send it again later."
_ASK_CUSTOMER = "The customer can text START to this number to allow texts again."
_PLAN = "An administrator can change this in the RingCentral Admin Portal."
_REGISTER = "An administrator can finish the number's registration in the RingCentral Admin Portal."
_SUPPORT = "If it happens again, an administrator can ask RingCentral's support."

OWN: dict[str, Reason] = {
    "guest": Reason(
        "Guests cannot text customers.", "Ask a member of this workspace to send it.", "author"
    ),
    "stranger": Reason(
        "People of other organisations cannot text customers.",
        "Ask a member of this workspace to send it.",
        "author",
    ),
    "robot": Reason("Apps and bots cannot text customers.", "A person can send it.", "author"),
    "deactivated": Reason("Its author's Slack account is deactivated.", "", "author"),
    "empty": Reason("There is no text in it that a phone can show.", "Write some words.", "author"),
    "too_long": Reason("It is longer than the 1,000 characters of one text.", _SPLIT, "author"),
    "files": Reason(
        "Files cannot be sent to phones yet.", "Send the words alone, or a link.", "author"
    ),
    "opted_out": Reason("The customer has opted out of texts.", _ASK_CUSTOMER, "customer"),
    "stale": Reason(
        "It could not leave within an hour, and may no longer be meant.",
        "Send it now, or drop it.",
        "author",
    ),
    "away": Reason(
        "It was written while the bridge was away, and may no longer be meant.",
        "Send it now, or drop it.",
        "author",
    ),
    "no_number": Reason("The customer's number is not known: the phone withheld it.", "", "nobody"),
    "disconnected": Reason(
        "This channel is no longer connected to a number.",
        "An administrator can connect it again with the command's `connect`.",
        "administrator",
    ),
    "thread_gone": Reason(
        "The thread it belongs to was deleted.", "It is shown in a new thread.", "nobody"
    ),
    "dropped": Reason("It was dropped before it was sent.", "", "nobody"),
    "not_sent_by_hand": Reason("It was settled by hand as not sent.", "", "author"),
}

SEND: dict[str, Reason] = {
    "CMN-101": Reason("RingCentral refused the number or the text.", _CHECK_NUMBER, "author"),
    "CMN-102": Reason("RingCentral does not know what was asked for.", _SUPPORT, "administrator"),
    "CMN-406": Reason("The same number was given twice.", _CHECK_NUMBER, "author"),
    "CMN-414": Reason("This is not a number that can be texted.", _CHECK_NUMBER, "author"),
    "CMN-401": Reason(
        "The RingCentral app may not send texts.",
        "An administrator can add the SMS permission to the app.",
        "administrator",
    ),
    "CMN-408": Reason(
        "The RingCentral login may not send texts.",
        "An administrator can give its role the permission Outbound SMS.",
        "administrator",
    ),
    "CMN-419": Reason(
        "This login may not send for the extension that owns the number.",
        "An administrator can log in as the number's owner.",
        "administrator",
    ),
    "CMN-301": Reason("RingCentral's limit of requests was reached.", _LATER, "author"),
    "CMN-302": Reason("RingCentral's limit of requests was reached.", _LATER, "author"),
    "CMN-303": Reason("RingCentral's limit of requests was reached.", _LATER, "author"),
    "CMN-304": Reason("RingCentral was busy with the same request.", _LATER, "author"),
    "CMN-310": Reason("RingCentral's limit of requests was reached.", _LATER, "author"),
    "BIL-103": Reason(
        "The RingCentral plan has no picture or group texts.", _PLAN, "administrator"
    ),
    "MSG-240": Reason(
        "This number may not text abroad.",
        "An administrator can switch on international texts in the RingCentral Admin Portal.",
        "administrator",
    ),
    "MSG-241": Reason(
        "Our number is a fax number, which cannot text.",
        "An administrator can connect another number.",
        "administrator",
    ),
    "MSG-242": Reason("Texting is not available from this number.", _PLAN, "administrator"),
    "MSG-243": Reason(
        "This number is blocked in RingCentral.",
        "An administrator can take it off the block list.",
        "administrator",
    ),
    "MSG-245": Reason(
        "Our number does not belong to the RingCentral login.",
        "An administrator can log in as its owner, or connect another number.",
        "administrator",
    ),
    "MSG-246": Reason(
        "Extension numbers cannot be texted from here.", "Use the full phone number.", "author"
    ),
    "MSG-247": Reason(
        "Short numbers cannot be texted from here.", "Use a full phone number.", "author"
    ),
    "MSG-290": Reason("RingCentral could not send it just now.", _LATER, "author"),
    "MSG-304": Reason(
        "Our number does not belong to the extension that sends.",
        "An administrator can log in as the number's owner.",
        "administrator",
    ),
    "MSG-305": Reason("RingCentral's limit of texts was reached.", _LATER, "author"),
    "MSG-309": Reason("A fax number cannot receive texts.", _CHECK_NUMBER, "author"),
    "MSG-310": Reason("Our number is not assigned to anybody.", _PLAN, "administrator"),
    "MSG-314": Reason("This kind of extension cannot send texts.", _PLAN, "administrator"),
    "MSG-324": Reason(
        "The recipient's extension is disabled or not set up.", _CHECK_NUMBER, "author"
    ),
    "MSG-331": Reason(
        "Our number and the sending extension do not belong together.", _PLAN, "administrator"
    ),
    "MSG-333": Reason("RingCentral asks for a full synchronisation.", _LATER, "nobody"),
    "MSG-337": Reason("The attachment is too large.", "Send a smaller one.", "author"),
    "MSG-338": Reason("The text is too large.", _SPLIT, "author"),
    "MSG-347": Reason("The attachment is empty.", "Send another one.", "author"),
    "MSG-348": Reason("Phones cannot show this kind of file.", "Send another kind.", "author"),
    "MSG-365": Reason("RingCentral refused the country.", _SUPPORT, "administrator"),
    "MSG-367": Reason(
        "Our number cannot send texts.",
        "An administrator can enable texts for it, or connect another number.",
        "administrator",
    ),
    "MSG-376": Reason("The attachments are too large.", "Send smaller ones.", "author"),
    "MSG-379": Reason("There are more than 10 attachments.", "Send fewer.", "author"),
    "MSG-380": Reason("Picture and group texts are switched off.", _PLAN, "administrator"),
    "MSG-381": Reason("There are more than 10 recipients.", "Send to fewer.", "author"),
    "MSG-383": Reason("Pictures cannot be sent abroad.", "Send the words alone.", "author"),
    "MSG-384": Reason("The RingCentral account's limit was reached.", _PLAN, "administrator"),
    "MSG-388": Reason("Texts to this destination are prohibited.", "Call instead.", "nobody"),
    "MSG-397": Reason("Texts from toll-free numbers are switched off.", _PLAN, "administrator"),
    "MSG-403": Reason(
        "A toll-free number cannot text abroad.", "Use another of our numbers.", "author"
    ),
    "MSG-427": Reason("The shared thread is not assigned to this login.", _PLAN, "administrator"),
}

_OPTED_OUT = Reason(
    "The customer has opted out of texts from this number.", _ASK_CUSTOMER, "customer"
)
_SPAM = Reason("It was taken for spam and filtered.", _REWORD, "author")
_LIMIT = Reason("The day's or month's limit of texts was reached.", _LATER, "administrator")
_OUTAGE = Reason("RingCentral had a problem of its own.", _LATER, "ringcentral")
_NOT_SET_UP = Reason("Our number is not set up for texts yet.", _REGISTER, "administrator")
_NO_PHONE = Reason(
    "This number cannot receive texts: it is invalid or a landline.", _CHECK_NUMBER, "author"
)
_CARRIER_LIMIT = Reason(
    "The carrier's daily limit for our registration was reached.", _LATER, "administrator"
)

DELIVERY: dict[str, Reason] = {
    "SMS-RC-403": _LIMIT,
    "SMS-RC-410": Reason("This destination cannot be texted.", _CHECK_NUMBER, "author"),
    "SMS-RC-413": _OPTED_OUT,
    "SMS-RC-430": _SPAM,
    "SMS-RC-500": _OUTAGE,
    "SMS-RC-501": _OUTAGE,
    "SMS-RC-503": _NOT_SET_UP,
    "SMS-RC-504": _NOT_SET_UP,
    "SMS-UP-410": _NO_PHONE,
    "SMS-UP-413": _OPTED_OUT,
    "SMS-UP-414": _NOT_SET_UP,
    "SMS-UP-430": _SPAM,
    "SMS-UP-431": Reason(
        "Our number was flagged and can no longer send texts.", _SUPPORT, "administrator"
    ),
    "SMS-UP-432": Reason("It is too long for the carrier.", _SPLIT, "author"),
    "SMS-UP-433": Reason("The carrier asks for other wording.", _REWORD, "author"),
    "SMS-UP-500": Reason("A carrier on the way had a problem.", _LATER, "author"),
    "SMS-CAR-104": Reason(
        "The carrier has not reported what became of it.", "Wait an hour.", "nobody"
    ),
    "SMS-CAR-199": Reason("The carrier does not say what became of it.", "Ask by phone.", "author"),
    "SMS-CAR-400": Reason("The customer's carrier does not support it.", "Call instead.", "author"),
    "SMS-CAR-410": Reason("The carrier gave up delivering it.", _LATER, "author"),
    "SMS-CAR-411": Reason("The carrier does not know this number.", _CHECK_NUMBER, "author"),
    "SMS-CAR-412": Reason("The customer's phone could not be reached.", _LATER, "author"),
    "SMS-CAR-413": _OPTED_OUT,
    "SMS-CAR-414": Reason("The carrier does not accept our number.", _REGISTER, "administrator"),
    "SMS-CAR-430": _SPAM,
    "SMS-CAR-431": Reason("The carrier rejected it without a reason.", _REWORD, "author"),
    "SMS-CAR-432": Reason("The carrier cut it to 160 characters.", _SPLIT, "author"),
    "SMS-CAR-433": Reason("The carrier could not read it.", _REWORD, "author"),
    "SMS-CAR-434": Reason("Its pictures are too large for the carrier.", "Shrink them.", "author"),
    "SMS-CAR-435": Reason(
        "The carrier does not deliver shortened links.", "Use the full link.", "author"
    ),
    "SMS-CAR-450": _CARRIER_LIMIT,
    "SMS-CAR-451": _CARRIER_LIMIT,
    "SMS-CAR-452": _CARRIER_LIMIT,
    "SMS-CAR-460": Reason("Short codes cannot be texted from here.", _CHECK_NUMBER, "author"),
    "SMS-CAR-461": Reason("Our toll-free number is not verified.", _REGISTER, "administrator"),
    "SMS-CAR-500": Reason("The customer's carrier had a problem.", _LATER, "author"),
    # RingCentral's messageStatus, where it comes without a code
    "DeliveryFailed": Reason("The carrier could not deliver it.", _LATER, "author"),
    "SendingFailed": Reason("RingCentral could not send it.", _LATER, "author"),
}

# Why a message store could not be read, so that texts from phones may be missing in Slack
RECEIVING: dict[str, Reason] = {
    "login_refused": Reason(
        "RingCentral refuses the bridge's login.",
        "An administrator has to renew its credentials: the app has written to them what is wrong.",
        "administrator",
    ),
    "no_login": Reason(
        "The bridge has no credentials for the RingCentral login that reads this number.",
        "An administrator can set them, or connect the number again with today's login.",
        "administrator",
    ),
    "unreadable": Reason(
        "RingCentral no longer lets the bridge's login read this number's texts.",
        "An administrator can make the login's user a super admin in the RingCentral Admin Portal, "
        "or give it full access to the messages of the number's call queue.",
        "administrator",
    ),
    "not_reached": Reason(
        "RingCentral cannot be reached.",
        "The bridge keeps trying; if it goes on, an administrator can check the network of the "
        "bridge's machine.",
        "administrator",
    ),
    "away": Reason(
        "RingCentral does not answer as it should.",
        "The bridge keeps trying; RingCentral's status page tells of outages.",
        "ringcentral",
    ),
    "rate_limited": Reason(
        "RingCentral's limit of requests is used up.", "The bridge goes on by itself.", "nobody"
    ),
    "refused": Reason(
        "RingCentral refuses to tell of new texts.",
        "If it goes on, an administrator can ask RingCentral's support.",
        "administrator",
    ),
    "stuck": Reason(
        "What RingCentral keeps for this number cannot be read on.",
        "An administrator has to look: the app has written to them what is wrong.",
        "administrator",
    ),
    "behind": Reason(
        "There is more to be read from RingCentral than fits into a few minutes.",
        "The bridge reads on, the oldest texts first.",
        "nobody",
    ),
}


def explain_receiving(code: str | None) -> Reason:
    """Why a store was not read to its end, in words; without a failure it is being read."""
    return RECEIVING.get(code or "behind", RECEIVING["refused"])


# The same text by the same author is refused again, or there is nothing left to send.
_NEVER = frozenset(
    {
        "guest",
        "stranger",
        "robot",
        "deactivated",
        "empty",
        "too_long",
        "files",
        "disconnected",
        "dropped",
        "not_sent_by_hand",
        "CMN-414",
        "MSG-246",
        "MSG-247",
    }
)

# Refused for its words: the same text never goes, but its author can mend it by an edit.
OF_ITS_WORDS = frozenset({"empty", "too_long"})

REASONS: dict[str, Reason] = {**OWN, **SEND, **DELIVERY}


def explain(reason: str) -> Reason:
    """A code in words; one that nobody documented is named as it is."""
    known = REASONS.get(reason)
    return known or Reason(f"The carrier refused it ({reason}).", _SUPPORT, "administrator")


def is_own(reason: str) -> bool:
    """True for a reason of the bridge, whose code tells a person nothing."""
    return reason in OWN


def may_be_retried(reason: str) -> bool:
    """True where the same text by the same author may go once somebody has mended something."""
    return reason not in _NEVER and explain(reason).who != "nobody"
