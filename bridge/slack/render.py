"""Our words as Slack shows them: cards, texts, notices, answers. Pure.

Every rendering is blocks and a complete fallback text. Words from outside go through
bridge.slack.markup, so that no text from a phone can mention, link or restyle. A button's value
holds an id and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from bridge.findings import Finding, summary, worst_first
from bridge.relay.numbers import format_number, is_unknown
from bridge.relay.reasons import REASONS, explain, explain_receiving, is_own, may_be_retried
from bridge.relay.receiving import Deaf
from bridge.relay.texts import SIDE_NAMES, OwnNumber
from bridge.relay.waiting import Wait, Waits
from bridge.slack.markup import safe_blocks, safe_fallback, safe_name, slack_escape

Block = dict[str, Any]

DATE_AND_TIME = "{date_short_pretty} at {time}"
ONE_DAY = timedelta(days=1)
FIRST_WORDS_LENGTH = 90
E164 = re.compile(r"\+[1-9]\d{1,14}")
USERNAME_LENGTH = 80

RETRY = "retry_message"
SEND_NOW = "send_now"
SEND_AGAIN = "send_again"
IT_WAS_SENT = "it_was_sent"
DROP = "drop_message"
BUTTONS = (RETRY, SEND_NOW, SEND_AGAIN, IT_WAS_SENT, DROP)

STATE_WORDS = {
    "received": "received",
    "queued": "being sent",
    "accepted": "sent",
    "failed": "was not sent",
    "unsure": "may not have been sent",
    "cancelled": "was cancelled",
}
MISSED = "did not arrive"
CARRIER_WORDS = {
    "Delivered": "delivered",
    "SendingFailed": MISSED,
    "DeliveryFailed": MISSED,
}


@dataclass(frozen=True)
class Rendered:
    """What Slack is given to show: `text` is the fallback and says all that the blocks say."""

    text: str
    blocks: list[Block]
    username: str | None = None


@dataclass(frozen=True)
class Who:
    """The outside of a conversation: its numbers (E.164) and the names known for them."""

    numbers: Sequence[str]
    region: str
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CardState:
    """What a card shows: the conversation, and its last text."""

    who: Who
    last_body: str = ""
    last_is_inbound: bool = True
    last_status: str = "received"
    last_carrier_status: str | None = None
    last_at: datetime | None = None


@dataclass(frozen=True)
class ShownText:
    """A text as its thread shows it. `is_late` where a later one is already there."""

    who: Who
    body: str
    origin: str
    sent_at: datetime
    author_number: str | None = None
    author_name: str | None = None
    attachment_notes: Sequence[Mapping[str, Any]] = ()
    is_late: bool = False


def slack_time(at: datetime, form: str = DATE_AND_TIME) -> str:
    """A time as each reader's Slack shows it, in the reader's own zone."""
    return f"<!date^{int(at.timestamp())}^{form}|{at:%Y-%m-%d %H:%M} UTC>"


def first_words(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    if len(line) <= FIRST_WORDS_LENGTH:
        return line
    return line[:FIRST_WORDS_LENGTH].rsplit(" ", 1)[0] + "…"


def label_of(who: Who) -> str:
    """Whom a conversation is with: names where known, else numbers as people write them."""
    return ", ".join(who.names.get(each) or format_number(each, who.region) for each in who.numbers)


def _number_label(number: str, who: Who) -> str:
    written, name = format_number(number, who.region), who.names.get(number)
    return f"{name} {written}" if name else written


def username_of(text: ShownText) -> str | None:
    """The name over a text from a phone; None for one that we sent, which the app itself shows."""
    if text.origin != "phone":
        return None
    number = text.author_number or (text.who.numbers[0] if text.who.numbers else None)
    if number is None:
        return None
    if is_unknown(number):
        return "SMS from an unknown number"
    if not E164.fullmatch(number):  # a sender's chosen name must not pass for a colleague's
        return f"SMS from “{safe_name(number)[: USERNAME_LENGTH - 12]}”"
    return safe_name(_number_label(number, text.who))[:USERNAME_LENGTH] or None


# Cards


def card(state: CardState) -> Rendered:
    """A thread's parent: who on the first line, the last text on the second."""
    who = ", ".join(_number_label(each, state.who) for each in state.who.numbers)
    title = f"*{slack_escape(safe_name(who))}*"
    if state.last_at is None:
        return Rendered(f"Texts with {slack_escape(safe_name(who))}", [_section(title)])
    words = _state_words(state)
    line = f"{title}  ·  {words} {slack_time(state.last_at)}"
    shown = first_words(state.last_body) or "(no words)"
    fallback = (
        f"Texts with {slack_escape(safe_name(who))}. Last {words} {slack_time(state.last_at)}: "
        f"{safe_fallback(shown)}"
    )
    return Rendered(fallback, [_section(line), *safe_blocks(shown)])


def _state_words(state: CardState) -> str:
    if state.last_is_inbound:
        return STATE_WORDS["received"]
    if state.last_carrier_status in CARRIER_WORDS and state.last_status != "queued":
        words = CARRIER_WORDS[state.last_carrier_status]
        reached_some = state.last_status == "accepted" and len(state.who.numbers) > 1
        return "did not reach all" if words == MISSED and reached_some else words
    return STATE_WORDS.get(state.last_status, state.last_status)


# Texts


def text(shown: ShownText) -> Rendered:
    """One text in its thread, with what a reader must know beside its words."""
    remarks = _remarks(shown)
    blocks = safe_blocks(shown.body) if shown.body or not remarks else []
    if remarks:
        blocks = [*blocks, _context("  ·  ".join(remarks))]
    speaker = username_of(shown)
    start = f"{slack_escape(speaker)}: " if speaker else ""
    end = f" ({'; '.join(remarks)})" if remarks else ""
    return Rendered(f"{start}{safe_fallback(shown.body)}{end}", blocks, speaker)


def _remarks(shown: ShownText) -> list[str]:
    remarks = []
    if shown.origin == "ringcentral_app":
        remarks.append("Sent from the RingCentral app")
    if shown.origin == "command":
        name = slack_escape(safe_name(shown.author_name or "someone"))
        remarks.append(f"Sent by {name} with a command")
    remarks += [_attachment_remark(each) for each in shown.attachment_notes]
    if shown.is_late:
        remarks.append(f"Sent {slack_time(shown.sent_at)}, shown late")
    return remarks


def _attachment_remark(note: Mapping[str, Any]) -> str:
    kind = slack_escape(safe_name(str(note.get("content_type") or "file")))
    name = note.get("name")
    named = f" “{slack_escape(safe_name(str(name)))}”" if name else ""
    return f"With a file{named} ({kind}), to be seen in the RingCentral app"


# Notices


@dataclass(frozen=True)
class NoticeFacts:
    """What a notice is about: its payload, and the message where there is one."""

    kind: str
    payload: Mapping[str, Any]
    message_id: int | None = None
    author_id: str | None = None
    status: str = ""
    body: str = ""
    command: str = "/sms"
    region: str = "US"


def notice(facts: NoticeFacts) -> Rendered:
    """Words of the bridge, mentioning the author where there is one to act."""
    sentence, buttons, quotes = _notice_words(facts)
    mention = f"<@{facts.author_id}> " if facts.author_id else ""
    blocks = [_section(f"{mention}{sentence}")]
    quoted = ""
    if quotes and facts.body:
        blocks += safe_blocks(f"“{first_words(facts.body)}”")
        quoted = f" “{safe_fallback(first_words(facts.body))}”"
    if buttons and facts.message_id is not None:
        blocks.append(_buttons(buttons, facts.message_id))
    return Rendered(f"{mention}{sentence}{quoted}", blocks)


def _notice_words(facts: NoticeFacts) -> tuple[str, tuple[str, ...], bool]:
    """The sentence, the buttons under it, and whether the message is quoted."""
    match facts.kind:
        case "failed":
            return _failed_words(facts.payload, facts.region)
        case "unsure":
            words = (
                "This text *may not have been sent*: the connection broke while it left, and "
                "RingCentral cannot tell. Ask the customer, or look in the RingCentral app, then "
                "say what is true."
            )
            return words, (SEND_AGAIN, IT_WAS_SENT), True
        case "offered":
            return _offered_words(facts.payload), (SEND_NOW, DROP), True
        case "delayed":
            return OVERTAKEN.get(facts.status) or _delayed_words(facts.payload), (), True
        case "edited_late":
            return _late_words("Edited", facts), (), True
        case "deleted_late":
            return _late_words("Deleted", facts), (), True
        case "edited_unsent":
            return _unsent_words(facts.payload)
        case _:
            return _plain_words(facts), (), False


def _failed_words(payload: Mapping[str, Any], region: str) -> tuple[str, tuple[str, ...], bool]:
    reason = str(payload.get("reason") or "")
    if reason == "stale":
        words = "This text *was not sent* within an hour. Should it still go?"
        return words, (RETRY, DROP), True
    if "missed" in payload:
        return _missed_words(payload["missed"], reason, region), (), True
    if payload.get("is_app_text"):  # the bridge has nothing of its own to send again
        return f"This text from the RingCentral app *did not arrive*. {_why(reason)}", (), True
    what = "*did not arrive*" if payload.get("was_accepted") else "*was not sent*"
    buttons = (RETRY,) if may_be_retried(reason) else ()
    edited = " Retry sends it as it was edited meanwhile:" if payload.get("was_edited") else ""
    return f"This text {what}. {_why(reason)}{edited if buttons else ''}", buttons, True


def _unsent_words(payload: Mapping[str, Any]) -> tuple[str, tuple[str, ...], bool]:
    if payload.get("reason") == "files":
        words = (
            "Edited, and still *not sent*: it came with files, which an edit does not take away. "
            "Write the words as a new reply."
        )
        return words, (), True
    return "Edited, and *not sent yet*. Retry sends it as it is now:", (RETRY,), True


def _offered_words(payload: Mapping[str, Any]) -> str:
    return (
        f"Written {slack_time(_time_of(payload, 'written_at'))}, while the bridge was away: "
        "*not texted to anyone yet*. Should it still go?"
    )


def _missed_words(missed: Sequence[str], reason: str, region: str) -> str:
    """Some of a group have it. No Retry: that would text those twice."""
    written = ", ".join(_written(each, region) for each in missed)
    whom = slack_escape(safe_name(written)) or "everybody in this group"
    return f"This text *did not reach {whom}*; whoever else is in this group has it. {_why(reason)}"


# What a delayed text's notice says once it is known what became of it.
OVERTAKEN = {
    "accepted": "This text took long. It *has been sent* now.",
    "failed": "This text took long, and did not leave: the reason is told below.",
    "unsure": "This text took long, and nobody can tell whether it was sent: you are asked below.",
    "cancelled": "This text took long, and was taken back before it left.",
}


def _delayed_words(payload: Mapping[str, Any]) -> str:
    if payload.get("is_asked"):
        return (
            "It is *not known yet whether this text was sent*: RingCentral has not answered, and "
            "is being asked. The mark of a sent text, or a question to you, follows."
        )
    reason = str(payload.get("reason") or "")
    why = f" {slack_escape(explain(reason).sentence)}" if reason in REASONS else ""
    return (
        f"This text *has not left yet*.{why} It goes by itself as soon as it can, and gets its "
        "mark then; until then you can edit or delete it."
    )


def _late_words(act: str, facts: NoticeFacts) -> str:
    if facts.payload.get("status") == "unsure":
        return f"{act} too late: this text may have been sent already, as it was before:"
    return f"{act} after it was sent. The customer saw:"


def _why(reason: str) -> str:
    why = explain(reason)
    code = "" if is_own(reason) or reason in why.sentence else f" ({slack_escape(reason)})"
    return " ".join(each for each in (slack_escape(why.sentence) + code, why.remedy) if each)


SLACK_REMEDIES = {
    "is_archived": "Unarchive the channel, or connect its number to another one.",
    "not_in_channel": "Invite the app to the channel.",
    "channel_not_found": "Invite the app to the channel, or connect its number to another one.",
    "missing_scope": "Update the app from the manifest, then install it again.",
    "invalid_auth": "Install the app again and set its new token.",
    "token_revoked": "Install the app again and set its new token.",
    "account_inactive": "Install the app again and set its new token.",
}
LOST_CHANNEL_WORDS = {
    "archived": "was archived",
    "deleted": "was deleted",
    "left": "no longer has this app as a member",
    "renumbered": "has a new id since it was shared or converted",
}


def _written(number: object, region: str) -> str:
    return format_number(number, region) if isinstance(number, str) else "A number"


def _plain_words(facts: NoticeFacts) -> str:
    payload, command = facts.payload, facts.command
    said = {key: slack_escape(str(value)) for key, value in payload.items()}
    channel = f"<#{said['channel_id']}>" if "channel_id" in said else "A channel"
    number = _written(payload.get("phone_number"), facts.region)
    match facts.kind:
        case "connected":
            return (
                f"{number} is connected to this channel. Texts to it appear here; a reply in a "
                f"thread is a text to the customer. `{command} help` says more."
            )
        case "disconnected":
            return f"{number} is no longer connected to this channel."
        case "channel_lost":
            how = LOST_CHANNEL_WORDS.get(said.get("how", ""), "can no longer be posted to")
            return (
                f"{channel} {how}. Its texts wait and nothing is lost: bring it back, or type "
                f"`{command} disconnect` and its number, then `{command} connect` and the number "
                "in another channel."
            )
        case "not_understood":
            return (
                f"Something from {said.get('side', 'a provider')} was not understood "
                f"({said.get('reason', 'unknown')}). It is kept, encrypted, in the database."
            )
        case "card_deleted":
            return f"A conversation's card was deleted in {channel}. It goes on in a new thread."
        case "stuck":
            return _stuck_words(said)
        case "deaf":
            return _deaf_words(number, payload)
        case "hears_again":
            return _hears_again_words(number, payload)
        case "unshown":
            return (
                f"Slack refused to show {said.get('subject', 'something')} "
                f"({said.get('reason', 'unknown')}). It is kept in the database."
            )
        case _:
            return said.get("sentence") or f"Notice: {slack_escape(facts.kind)}."


def _stuck_words(said: Mapping[str, str]) -> str:
    """What waits for an administrator. A gate of posts ends in its channel's id."""
    reason, gate = said.get("reason", "unknown"), said.get("gate", "")
    if said.get("side") != "slack":
        return f"Texts to phones wait, nothing is lost. {_why(reason)}"
    channel_id = gate.rpartition(":")[2] if ":post:" in gate else ""
    where = f" in <#{channel_id}>" if channel_id.startswith(("C", "G")) else ""
    return (
        f"What is to be shown{where} waits, nothing is lost: Slack answers `{reason}`. "
        f"{SLACK_REMEDIES.get(reason, 'Check the app and its channel.')}"
    )


def _deaf_words(number: str, payload: Mapping[str, Any]) -> str:
    why = explain_receiving(payload.get("reason"))
    return (
        f"*Texts to {number} may be missing here* since {slack_time(_time_of(payload, 'since'))}. "
        f"{why.sentence} {why.remedy} Nothing is lost: what customers write meanwhile is in the "
        "RingCentral app, and is shown here as soon as it can be read."
    )


def _hears_again_words(number: str, payload: Mapping[str, Any]) -> str:
    since_at, until_at = _time_of(payload, "since"), _time_of(payload, "until")
    until = slack_time(until_at, "{time}" if until_at - since_at < ONE_DAY else DATE_AND_TIME)
    count = int(payload.get("count") or 0)
    caught_up = {
        0: "nothing was missed.",
        1: "1 text was caught up and is in its thread.",
    }.get(count, f"{count:,} texts were caught up and are in their threads.")
    return (
        f"*Receiving again:* texts to {number}. Away from {slack_time(since_at)} to {until}; "
        f"{caught_up}"
    )


def _time_of(payload: Mapping[str, Any], name: str) -> datetime:
    return datetime.fromtimestamp(int(payload.get(name) or 0), UTC)


# Answers


def answer(kind: str, payload: Mapping[str, Any], permalink: str | None = None) -> Rendered:
    """A private answer to a command or a click."""
    if kind == "sent":
        whom = slack_escape(safe_name(str(payload.get("label") or "the customer")))
        link = (
            f"<{permalink}|Open the thread>"
            if permalink
            else "Its thread will be in the inbox's channel."
        )
        return _plain(f"On its way to {whom}. {link}")
    return _plain(str(payload.get("sentence") or "Done."))


def sentence(words: str, typed: str = "") -> Rendered:
    """One sentence, and the words that were typed given back to be copied."""
    if not typed:
        return _plain(words)
    blocks = [_section(words), *safe_blocks(typed)]
    return Rendered(f"{words}\n{safe_fallback(typed)}", blocks)


def help_text(command: str) -> str:
    """How to use the command."""
    return "\n".join(
        (
            f"*{command}* texts people from Slack.",
            f"• `{command} +1 415 555 0100 Your table is ready` sends a text. Write the number as "
            "you like; the text follows it.",
            "• Each conversation is a thread in the inbox's channel: *a reply in the thread is a "
            "text to the customer*. Slack does not allow commands inside threads.",
            "• Edit or delete a reply within its first seconds to change or stop it. Afterwards "
            "the thread says what the customer saw.",
            f"• `{command} numbers` lists our numbers, `{command} status` tells what waits.",
            f"• `{command} connect &lt;number&gt;` and `{command} disconnect` pair a number "
            "with this channel (administrators).",
            f"• `{command} doctor` looks for what needs mending (administrators).",
        )
    )


def numbers(
    own: Sequence[OwnNumber], channels: Mapping[str, str], region: str, command: str
) -> Rendered:
    """Our numbers: owner, inbox, and why one cannot be used. `channels` is by number."""
    if not own:
        return _plain("This RingCentral login has no phone number at all.")
    lines = [_number_line(each, channels.get(each.phone_number), region) for each in own]
    unchecked = sum(not each.is_checked for each in own)
    if unchecked:
        lines.append(
            f"RingCentral lets only so much be asked in a minute: {unchecked:,} of these are not "
            f"checked to the end. `{command} numbers` asks on; wait a minute before."
        )
    if not channels:
        lines.append(
            f"None is connected yet: type `{command} connect &lt;number&gt;` in its channel."
        )
    return _plain("\n".join(lines))


FINDING_WORDS = {"bad": "To mend", "warn": "To look at"}
MOST_FINDINGS = 40  # of the 50 blocks of a message
FINDING_LENGTH = 600


def findings(found: Sequence[Finding], command: str) -> Rendered:
    """What needs mending, worst first; what is fine is counted. Names from outside are plain."""
    told = [each for each in worst_first(found) if each.level != "ok"]
    first = f"*{command} doctor:* {summary(found)}"
    if not told:
        return _plain(f"{first} Everything that was looked at works.")
    lines = [_finding_line(each) for each in told[:MOST_FINDINGS]]
    blocks = [_section(first), *(_plain_section(each) for each in lines)]
    words = [first, *(slack_escape(each) for each in lines)]
    if len(told) > MOST_FINDINGS:
        more = f"{len(told) - MOST_FINDINGS} more: `sms-bridge doctor` lists all."
        blocks.append(_section(more))
        words.append(more)
    return Rendered("\n".join(words), blocks)


def _finding_line(finding: Finding) -> str:
    remedy = f"\nRemedy: {finding.remedy}" if finding.remedy else ""
    line = f"{FINDING_WORDS[finding.level]} ({finding.check}): {finding.sentence}{remedy}"
    return line if len(line) <= FINDING_LENGTH else f"{line[: FINDING_LENGTH - 1]}…"


def _plain_section(words: str) -> Block:
    return {"type": "section", "text": {"type": "plain_text", "text": words, "emoji": False}}


OWNER_KINDS = {
    "user": "user",
    "queue": "call queue",
    "site": "site",
    "company": "company",
    "other": "",
}


def _number_line(own: OwnNumber, channel_id: str | None, region: str) -> str:
    owner = slack_escape(f"{OWNER_KINDS[own.owner_kind]} {safe_name(own.owner_name)}".strip())
    where = f"inbox <#{channel_id}>" if channel_id else "not connected"
    state = slack_escape(own.why_not) if own.why_not else where
    if own.why_not and channel_id:
        state = f"{where}; {state}"
    return f"• *{format_number(own.phone_number, region)}* ({owner}): {state}"


WAITING_NOUNS = {
    "text": ("text to a phone", "texts to phones"),
    "shown": ("message to show in Slack", "messages to show in Slack"),
    "other": ("mark, card or answer in Slack", "marks, cards and answers in Slack"),
}


def status(found: Waits) -> str:
    """What waits, why, since when, and until when."""
    shown = [each for each in found.waits if each.what != "other" or each.why == "put_off"]
    lines = [_wait_line(each, found.asked_in) for each in shown]
    lines += [_deaf_line(each) for each in found.deaf]
    if found.is_behind:
        lines.append(
            "• RingCentral's message store is being read for texts that came while nobody "
            "listened: newer ones are shown after them."
        )
    if not lines:
        return "Nothing waits: all texts are through."
    return "\n".join(("*What waits:*", *lines))


def _deaf_line(deaf: Deaf) -> str:
    why = explain_receiving(deaf.reason)
    return (
        f"• Texts from phones may be missing in <#{deaf.channel_id}> since "
        f"{slack_time(deaf.since_at)}. {why.sentence} {why.remedy}"
    )


def _wait_line(wait: Wait, asked_in: Sequence[tuple[str, int]]) -> str:
    one, several = WAITING_NOUNS[wait.what]
    counted = f"*{wait.count:,} {one if wait.count == 1 else several}*"
    since = f"the oldest since {slack_time(wait.since_at)}"
    until = slack_time(wait.until_at, "{time_secs}") if wait.until_at else ""
    side = SIDE_NAMES[wait.side]
    match wait.why:
        case "held":
            return f"• {counted} held so that their authors can still change them, until {until}"
        case "gate":
            return f"• {counted}: {side} lets nothing more through until {until}; {since}"
        case "put_off":
            why = _why_put_off(wait)
            return f"• {counted} put off, tried again at {until}; {since}. {why}"
        case "looking":
            return (
                f"• {counted} whose answer was lost: {side} is being asked what became of it; "
                f"{since}"
            )
        case "person":
            where = ", ".join(f"<#{channel_id}> ({count:,})" for channel_id, count in asked_in)
            asked = f", in {where}" if where else ""
            return (
                f"• {counted} that may have been sent: a person decides with the buttons in the "
                f"thread{asked}; {since}"
            )
        case "in_line":
            return f"• {counted} in line, behind others or {side}'s limits; {since}"
        case "going":
            return f"• {counted} on the way now"
        case _:
            assert_never(wait.why)


def _why_put_off(wait: Wait) -> str:
    reason = wait.reason or "unknown"
    if wait.side == "ringcentral":
        return _why(reason)
    remedy = SLACK_REMEDIES.get(reason)
    return (
        f"Slack answers `{slack_escape(reason)}`. {remedy}"
        if remedy
        else _OWN_WAITS.get(reason, f"The reason is `{slack_escape(reason)}`.")
    )


_OWN_WAITS = {
    "slack_not_reached": "Slack could not be reached.",
    "card_not_posted": "Their conversation's card is posted first.",
    "not_posted": "Their message is posted first.",
}


# Blocks


def _plain(words: str) -> Rendered:
    return Rendered(words, [_section(each) for each in _pieces(words)])


def _pieces(words: str, limit: int = 2_900) -> list[str]:
    """Cut at line ends into what one section takes (3,000 characters)."""
    pieces = [""]
    for line in words.split("\n"):
        if len(pieces[-1]) + len(line) + 1 > limit and pieces[-1]:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]}\n{line}" if pieces[-1] else line
    return pieces


def _section(words: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": words, "verbatim": True}}


def _context(words: str) -> Block:
    return {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": words[:2_900], "verbatim": True}],
    }


_BUTTON_LABELS = {
    RETRY: ("Retry", "Try again to send this text"),
    SEND_NOW: ("Send", "Send this text now"),
    SEND_AGAIN: ("Send again", "Send this text again"),
    IT_WAS_SENT: ("It was sent", "Say that this text was sent"),
    DROP: ("Drop", "Do not send this text"),
}


def _buttons(action_ids: Sequence[str], message_id: int) -> Block:
    return {"type": "actions", "elements": [_button(each, message_id) for each in action_ids]}


def _button(action_id: str, message_id: int) -> Block:
    label, spoken = _BUTTON_LABELS[action_id]
    return {
        "type": "button",
        "action_id": action_id,
        "text": {"type": "plain_text", "text": label, "emoji": False},
        "accessibility_label": spoken,
        "value": str(message_id),
    }
