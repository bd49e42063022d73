"""What the outbox owes to Slack, done: cards, texts, marks, notices, private answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from sqlmodel import Session

from bridge.clock import machine_now
from bridge.outbox.outcome import (
    Absent,
    Accepted,
    CannotLook,
    Claimed,
    Finding,
    Outcome,
    Ready,
    Refused,
    TryLater,
    Unsure,
)
from bridge.relay.conversations import CARD_NOT_POSTED
from bridge.slack import markup as marks
from bridge.slack import render
from bridge.slack.client import SlackClient, SlackProblem, SlackRefused
from bridge.slack.outcomes import cannot_look, outcome_of
from bridge.slack.people import People
from bridge.slack.render import CardState, NoticeFacts, Rendered, ShownText, Who
from bridge.slack.signs import SlackSigns
from storage import (
    answers,
    contacts,
    conversations,
    copies,
    deliveries,
    inboxes,
    messages,
    notices,
    people,
    threads,
)
from storage.tables import Answer, Conversation, Message, Notice, Thread

MARK = "white_check_mark"
EVENT_TYPE = "sms_bridge"
# Slack stamps posts by its own clock, which may be behind ours; the marker is exact at any span.
LOOK_BACK = timedelta(hours=1)
LOOK_PAGES = 10
PAGE_SIZE = 200
REPEATS = {
    "open": False,
    "post": False,
    "update": True,
    "mark": True,
    "unmark": True,
    "reply": True,
}


@dataclass(frozen=True)
class Post:
    """A message to post once, in a thread where `thread_ts` is set."""

    team_id: str
    channel_id: str
    thread_ts: str | None
    rendered: Rendered


@dataclass(frozen=True)
class Update:
    """A card, or words of the bridge, to bring up to date."""

    channel_id: str
    ts: str
    rendered: Rendered


@dataclass(frozen=True)
class Mark:
    """A reaction to add or take away."""

    channel_id: str
    ts: str
    is_set: bool


@dataclass(frozen=True)
class PrivateAnswer:
    """Words for one person, through the address the command came with."""

    channel_id: str
    user_id: str
    response_url: str
    rendered: Rendered


Content = Post | Update | Mark | PrivateAnswer


@dataclass(frozen=True)
class _Text:
    post: Post
    shown: ShownText
    author_id: str
    markup: str


@dataclass(frozen=True)
class _Direct:
    """A post to a person, whose direct channel is still to be opened."""

    post: Post


@dataclass(frozen=True)
class _Owed:
    answer: Answer
    thread: tuple[str, str] | None  # channel and ts
    label: str


_Unfinished = _Text | _Direct | _Owed  # Slack is asked for the rest of it

WordsOf = Mapping[str, Callable[[Answer], Awaitable[Rendered]]]


class SlackSender:
    """The outbox's hands in Slack (bridge.outbox.outcome.Sender).

    `words_of` works out, by their kind, the answers that others must be asked for.
    """

    def __init__(
        self,
        client: SlackClient,
        people: People,
        words_of: WordsOf,
        signs: SlackSigns,
        *,
        command: str,
        region: str,
    ) -> None:
        self._client, self._people, self._words_of = client, people, words_of
        self._signs = signs
        self._command, self._region = command, region

    def repeats(self, kind: str) -> bool:
        """Posts do not; updates, reactions and private answers do."""
        return REPEATS[kind]

    # Loading, inside the claim's transaction

    def load(self, session: Session, delivery: Claimed) -> object | Ready | Refused | TryLater:
        """Read what is to be shown, as it is today."""
        loaded = self._load(session, delivery)
        return Ready(loaded) if isinstance(loaded, Content) else loaded

    def _load(
        self, session: Session, delivery: Claimed
    ) -> Content | _Unfinished | Refused | TryLater:
        subject_id = delivery.subject_id
        match delivery.subject_type, delivery.kind:
            case "card", "open":
                return self._load_card(session, subject_id)
            case "card", "update":
                return self._load_card_update(session, subject_id)
            case "message", "post":
                return self._load_text(session, subject_id)
            case "message", "mark" | "unmark" as kind:
                return _load_mark(session, subject_id, is_set=kind == "mark")
            case "notice", "post":
                return self._load_notice(session, subject_id)
            case "notice", "update":
                return self._load_notice_update(session, subject_id)
            case "answer", "reply":
                return self._load_answer(session, subject_id)
            case _:
                return Refused("unknown_kind", f"{delivery.subject_type} {delivery.kind}")

    def _load_card(self, session: Session, thread_id: int) -> Post:
        thread = threads.get(session, thread_id)
        return _post(thread, None, render.card(_card_state(session, thread)))

    def _load_card_update(self, session: Session, thread_id: int) -> Update | TryLater:
        thread = threads.get(session, thread_id)
        if thread.ts is None:
            return TryLater("not_posted")
        return Update(thread.channel_id, thread.ts, render.card(_card_state(session, thread)))

    def _load_text(self, session: Session, message_id: int) -> Post | _Text | TryLater:
        message = messages.get(session, message_id)
        thread = threads.get(session, message.thread_id)
        if thread.ts is None:
            return TryLater(CARD_NOT_POSTED)
        shown = ShownText(
            who=_who(session, conversations.get(session, message.conversation_id)),
            body=_body_of(session, message, thread.team_id),
            origin=message.origin,
            sent_at=message.sent_at,
            author_number=message.author_number,
            attachment_notes=message.attachment_notes or (),
            is_late=messages.has_later_shown(session, message, "slack"),
        )
        post = _post(thread, thread.ts, render.text(shown))
        if message.markup is None or message.author_id is None:
            return post
        return _Text(post, shown, message.author_id, message.markup)

    def _load_notice(self, session: Session, notice_id: int) -> Post | _Direct | TryLater:
        notice = notices.get(session, notice_id)
        rendered = self._render_notice(session, notice)
        if notice.thread_id is None:
            post = Post(notice.team_id, notice.channel_id, None, rendered)
            return _Direct(post) if _is_person(notice.channel_id) else post
        thread = threads.get(session, notice.thread_id)
        if thread.ts is None:
            return TryLater(CARD_NOT_POSTED)
        return _post(thread, thread.ts, rendered)

    def _load_notice_update(self, session: Session, notice_id: int) -> Update | Refused | TryLater:
        (posted,) = deliveries.find_by_subject(session, "notice", notice_id, "slack", "post")
        if posted.external_id is None:
            is_settled = posted.state in deliveries.SETTLED
            return Refused("not_posted") if is_settled else TryLater("not_posted")
        notice = notices.get(session, notice_id)
        return Update(notice.channel_id, posted.external_id, self._render_notice(session, notice))

    def _render_notice(self, session: Session, notice: Notice) -> Rendered:
        message = messages.get(session, notice.message_id) if notice.message_id else None
        body = _quoted_body(session, notice, message)
        return render.notice(self._notice_facts(notice.kind, notice.payload, message, body))

    def _notice_facts(
        self, kind: str, payload: Mapping[str, Any], message: Message | None, body: str
    ) -> NoticeFacts:
        return NoticeFacts(
            kind=kind,
            payload=payload,
            message_id=message.id if message else None,
            author_id=message.author_id if message else None,
            status=message.status if message else "",
            body=body,
            command=self._command,
            region=self._region,
        )

    def _load_answer(self, session: Session, answer_id: int) -> _Owed:
        """With its thread's link; without one where its card was waited for long enough."""
        answer = answers.get(session, answer_id)
        thread_id = answer.payload.get("thread_id")
        if thread_id is None:
            return _Owed(answer, None, "")
        thread = threads.get(session, thread_id)
        conversation = conversations.get(session, thread.conversation_id)
        label = render.label_of(_who(session, conversation))
        return _Owed(answer, (thread.channel_id, thread.ts) if thread.ts else None, label)

    # Preparing: repeatable reads

    async def prepare(self, delivery: Claimed, loaded: object) -> Ready | Refused | TryLater:
        """Ask Slack for names, links and direct channels; nothing is shown yet."""
        assert isinstance(loaded, _Unfinished), "all else is ready when it is loaded"
        try:
            return Ready(await self._complete(delivery, loaded))
        except SlackProblem as problem:
            outcome = outcome_of(problem)
            if isinstance(outcome, Refused | TryLater):
                return outcome
            return TryLater(problem.code)

    async def _complete(self, delivery: Claimed, loaded: _Unfinished) -> Content:
        match loaded:
            case _Text():
                return await self._with_author(loaded)
            case _Owed():
                return await self._with_words(loaded, delivery.priority)
            case _Direct(post=post):
                return await self._with_channel(post, delivery.priority)
            case _:
                assert_never(loaded)

    async def _with_author(self, loaded: _Text) -> Post:
        mentioned = marks.mentioned_user_ids(loaded.markup)
        names = await self._people.names_of([loaded.author_id, *mentioned])
        body = marks.phone_text(loaded.markup, names)
        shown = replace(loaded.shown, author_name=names[loaded.author_id], body=body)
        return replace(loaded.post, rendered=render.text(shown))

    async def _with_words(self, owed: _Owed, priority: int) -> PrivateAnswer:
        answer = owed.answer
        if answer.kind in self._words_of:
            rendered = await self._words_of[answer.kind](answer)
        else:
            payload = {**answer.payload, "label": owed.label}
            link = await self._permalink(owed.thread, priority) if owed.thread else None
            rendered = render.answer(answer.kind, payload, link)
        return PrivateAnswer(answer.channel_id, answer.user_id, answer.response_url, rendered)

    async def _permalink(self, thread: tuple[str, str], priority: int) -> str | None:
        channel_id, ts = thread
        try:
            told = await self._client.ask(
                "chat.getPermalink", priority=priority, channel=channel_id, message_ts=ts
            )
        except SlackRefused:
            return None  # the answer says less, but it comes
        link: str = told["permalink"]
        return link

    async def _with_channel(self, post: Post, priority: int) -> Post:
        told = await self._client.ask(
            "conversations.open", priority=priority, users=post.channel_id
        )
        return replace(post, channel_id=told["channel"]["id"])

    # Sending

    async def send(self, delivery: Claimed, content: object) -> Outcome:
        """Do it once."""
        assert isinstance(content, Content), "made by prepare"
        try:
            match content:
                case Post():
                    return await self._send_post(delivery, content)
                case Update():
                    await self._send_update(content)
                    return Accepted()
                case Mark():
                    return await self._send_mark(content)
                case PrivateAnswer():
                    await self._send_answer(content)
                    return Accepted()
                case _:
                    assert_never(content)
        except SlackProblem as problem:
            return outcome_of(problem)

    async def _send_post(self, delivery: Claimed, post: Post) -> Outcome:
        optional: dict[str, Any] = {}
        if post.thread_ts is not None:
            optional["thread_ts"] = post.thread_ts
        if post.rendered.username is not None:
            optional["username"] = post.rendered.username
        began_at = machine_now()  # Slack may tell of a post before it answers it
        told = await self._client.deliver(
            "chat.postMessage",
            channel=post.channel_id,
            text=post.rendered.text,
            blocks=post.rendered.blocks,
            unfurl_links=False,
            unfurl_media=False,
            metadata={"event_type": EVENT_TYPE, "event_payload": {"delivery": delivery.marker}},
            **optional,
        )
        ts = told.get("ts")
        if not isinstance(ts, str):
            return Unsure("no ts in the answer")
        self._signs.note_posted(post.channel_id, began_at)
        return _posted(post, ts)

    async def _send_update(self, update: Update) -> None:
        await self._client.deliver(
            "chat.update",
            channel=update.channel_id,
            ts=update.ts,
            text=update.rendered.text,
            blocks=update.rendered.blocks,
        )

    async def _send_mark(self, mark: Mark) -> Outcome:
        method = "reactions.add" if mark.is_set else "reactions.remove"
        try:
            await self._client.deliver(
                method, channel=mark.channel_id, timestamp=mark.ts, name=MARK
            )
        except SlackRefused as refused:
            if refused.code != "message_not_found":
                raise
        return Accepted()  # also where its author deleted the message: nothing is left to mark

    async def _send_answer(self, answer: PrivateAnswer) -> None:
        text, blocks = answer.rendered.text, answer.rendered.blocks
        body = {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": text,
            "blocks": blocks,
        }
        try:
            await self._client.respond(answer.response_url, body)
        except SlackRefused:  # used five times, or older than 30 minutes
            await self._client.ask(
                "chat.postEphemeral",
                channel=answer.channel_id,
                user=answer.user_id,
                text=text,
                blocks=blocks,
            )

    # Looking

    async def look(self, delivery: Claimed, content: object) -> Finding:
        """Search for the post that carries the delivery's marker."""
        if isinstance(content, _Direct):
            # Reading direct messages would cost a scope of its own; at worst an administrator
            # reads the same words twice.
            return Absent()
        post = content.post if isinstance(content, _Text) else content
        assert isinstance(post, Post), "only posts are looked up"
        assert delivery.started_at is not None, "only started attempts are looked up"
        try:
            return await self._find_post(post, delivery, delivery.started_at)
        except SlackProblem as problem:
            return cannot_look(problem)

    async def _find_post(self, post: Post, delivery: Claimed, started_at: datetime) -> Finding:
        method = "conversations.history"
        arguments: dict[str, Any] = {
            "channel": post.channel_id,
            "oldest": f"{(started_at - LOOK_BACK).timestamp():.6f}",
            "limit": PAGE_SIZE,
            "include_all_metadata": True,
        }
        if post.thread_ts is not None:
            method, arguments["ts"] = "conversations.replies", post.thread_ts
        for _ in range(LOOK_PAGES):
            page = await self._client.ask(method, priority=delivery.priority, **arguments)
            for each in page.get("messages") or ():
                if _marker_of(each) == delivery.marker:
                    return _posted(post, each["ts"])
            arguments["cursor"] = (page.get("response_metadata") or {}).get("next_cursor")
            if not arguments["cursor"]:
                return Absent()
        return CannotLook("too_many_messages")


def _posted(post: Post, ts: str) -> Accepted:
    return Accepted(external_id=ts, scope=f"{post.team_id}/{post.channel_id}")


def _post(thread: Thread, thread_ts: str | None, rendered: Rendered) -> Post:
    return Post(thread.team_id, thread.channel_id, thread_ts, rendered)


def _marker_of(message: Mapping[str, Any]) -> str | None:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != EVENT_TYPE:
        return None
    marker: str | None = (metadata.get("event_payload") or {}).get("delivery")
    return marker


def _is_person(channel_id: str) -> bool:
    return channel_id.startswith(("U", "W"))


def _load_mark(session: Session, message_id: int, *, is_set: bool) -> Mark | TryLater:
    copy = copies.get_external_id(session, "slack", message_id)
    if copy is None:
        return TryLater("not_posted")
    scope, ts = copy
    return Mark(scope.partition("/")[2], ts, is_set)


def _body_of(session: Session, message: Message, team_id: str) -> str:
    """What a phone shows of it; until its names are asked for, with the names we know."""
    if message.markup is None or message.body != message.markup:
        return message.body
    mentioned = marks.mentioned_user_ids(message.markup)
    known = people.find(session, team_id, mentioned) if mentioned else []
    return marks.phone_text(message.markup, {each.user_id: each.name for each in known})


def _quoted_body(session: Session, notice: Notice, message: Message | None) -> str:
    """The words a notice quotes: those of its moment, where it keeps them, else today's."""
    quote = notice.payload.get("quote")
    if isinstance(quote, str):
        return quote
    return _body_of(session, message, notice.team_id) if message else ""


def _card_state(session: Session, thread: Thread) -> CardState:
    conversation = conversations.get(session, thread.conversation_id)
    who = _who(session, conversation)
    last = messages.get_last(session, thread.conversation_id)
    if last is None:
        return CardState(who)
    return CardState(
        who=who,
        last_body=_body_of(session, last, thread.team_id),
        last_is_inbound=last.direction == "in",
        last_status=last.status,
        last_carrier_status=last.carrier_status,
        last_at=last.sent_at,
    )


def _who(session: Session, conversation: Conversation) -> Who:
    numbers = conversations.outside_numbers_of(conversation)
    inbox = inboxes.get(session, conversation.inbox_id)
    return Who(numbers, inbox.region, contacts.names_of(session, numbers))
