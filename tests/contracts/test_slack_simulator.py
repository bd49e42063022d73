"""The simulated Slack behaves as the fact sheet says, towards apps and towards people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bridge.sandbox.slack import (
    APP_TOKEN,
    BOT_TOKEN,
    BOT_USER_ID,
    SIGNING_SECRET,
    ClientRefused,
    SlackSimulator,
)
from bridge.sandbox.slack.messages import TOMBSTONE_TEXT
from tests.contracts.slack_app import RecordingApp

DESK = "C0FRONTDESK"
BEA = "U0000000BEA"
CORPUS_THAT_PINGS = {
    "<!here>": ("here", "broadcasts"),
    "<!channel>": ("channel", "broadcasts"),
    "<!everyone|all>": ("everyone", "broadcasts"),
    "<!subteam^S1>": ("S1", "usergroups"),
    "<@U1>": ("U1", "users"),
    "<@U1|somebody>": ("U1", "users"),
}
CORPUS_THAT_DOES_NOT = (
    "&lt;!here&gt;",
    "@here",
    "@channel and @bea",
    "<#C1>",
    "<!date^1^x|y>",
    "<https://evil|bank.com>",
    "< !here>",
)


@pytest.fixture
async def slack() -> AsyncIterator[SlackSimulator]:
    simulator = SlackSimulator(
        rate_limits=False, answer_deadline_seconds=0.3, retry_delays_seconds=(0.01, 0.02, 0.03)
    )
    async with simulator:
        yield simulator


@pytest.fixture
async def client(slack: SlackSimulator) -> AsyncIterator[AsyncWebClient]:
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(
            token=BOT_TOKEN, base_url=slack.api_url, session=session, retry_handlers=[]
        )


@pytest.fixture
async def app(slack: SlackSimulator) -> AsyncIterator[RecordingApp]:
    async with RecordingApp(SIGNING_SECRET) as app:
        slack.install(request_url=app.url, mode="http")
        yield app


def refusal(caught: pytest.ExceptionInfo[SlackApiError]) -> str:
    return str(caught.value.response["error"])


def button(action_id: str, **more: Any) -> dict[str, Any]:
    text = {"type": "plain_text", "text": action_id.title()}
    return {"type": "button", "action_id": action_id, "text": text, **more}


# Who may call


@pytest.mark.parametrize(
    ("token", "error"),
    [
        (None, "not_authed"),
        ("xoxb-stranger", "invalid_auth"),
        (APP_TOKEN, "not_allowed_token_type"),
    ],
)
async def test_tokens_are_checked(slack: SlackSimulator, token: str | None, error: str) -> None:
    """A call without a token, with a strange one, or with the wrong kind, is refused."""
    with pytest.raises(SlackApiError) as caught:
        await AsyncWebClient(token=token, base_url=slack.api_url).auth_test()
    assert refusal(caught) == error


async def test_a_revoked_token_is_refused(slack: SlackSimulator, client: AsyncWebClient) -> None:
    """After an uninstall the token says that the account is inactive."""
    await slack.uninstall()
    with pytest.raises(SlackApiError) as caught:
        await client.auth_test()
    assert refusal(caught) == "account_inactive"


async def test_missing_scopes_are_named(slack: SlackSimulator, client: AsyncWebClient) -> None:
    """A call without its scope says which is needed and which are there."""
    slack.install(scopes=["users:read"], bot_events=[], commands=[])
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=DESK, text="x")
    assert refusal(caught) == "missing_scope"
    assert caught.value.response["needed"] == "chat:write"
    assert caught.value.response["provided"] == "users:read"


async def test_another_name_needs_its_own_scope(
    slack: SlackSimulator, client: AsyncWebClient
) -> None:
    """`username` is refused without chat:write.customize, and shows as a bot_message with it."""
    posted = await client.chat_postMessage(channel=DESK, text="x", username="Customer")
    message = slack.channel("front-desk").message(str(posted["ts"]))
    assert (message.subtype, message.author, message.user_id) == ("bot_message", "Customer", None)
    slack.install(scopes=["chat:write"], bot_events=[], commands=[])
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=DESK, text="x", username="Customer")
    assert caught.value.response["needed"] == "chat:write.customize"


async def test_a_json_body_is_not_read_where_none_is_documented(slack: SlackSimulator) -> None:
    """users.info reads query and form only, so JSON arguments count as missing."""
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{slack.api_url}users.info", json={"user": BEA}) as response,
    ):
        assert (await response.json())["error"] == "invalid_arguments"


# What is posted


@pytest.mark.parametrize(("text", "expected"), CORPUS_THAT_PINGS.items())
@pytest.mark.parametrize("place", ["text", "section", "context", "attachment"])
async def test_what_would_ping_is_recorded(
    slack: SlackSimulator,
    client: AsyncWebClient,
    text: str,
    expected: tuple[str, str],
    place: str,
) -> None:
    """A mention in markup is known to notify, wherever in the message it stands."""
    mrkdwn = {"type": "mrkdwn", "text": text}
    where: dict[str, dict[str, Any]] = {
        "text": {"text": text},
        "section": {"text": "x", "blocks": [{"type": "section", "text": mrkdwn}]},
        "context": {"text": "x", "blocks": [{"type": "context", "elements": [mrkdwn]}]},
        "attachment": {"text": "x", "attachments": [{"text": text}]},
    }
    await client.chat_postMessage(channel=DESK, **where[place])
    name, kind = expected
    assert getattr(slack.channel("front-desk").messages[-1].pings, kind) == (name,)


@pytest.mark.parametrize("text", [*CORPUS_THAT_PINGS, *CORPUS_THAT_DOES_NOT])
async def test_what_would_not_ping_is_known_too(
    slack: SlackSimulator, client: AsyncWebClient, text: str
) -> None:
    """plain_text and rich_text never notify; markup notifies only through real mentions."""
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    blocks: list[dict[str, Any]] = [
        {"type": "rich_text", "elements": [section]},
        {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}},
    ]
    await client.chat_postMessage(channel=DESK, text="a text came", blocks=blocks)
    message = slack.channel("front-desk").messages[-1]
    assert not message.pings
    assert message.shown == f"{text}\n{text}"
    if text in CORPUS_THAT_DOES_NOT:
        await client.chat_postMessage(channel=DESK, text=text)
        assert not slack.channel("front-desk").messages[-1].pings


async def test_links_show_where_they_lead(slack: SlackSimulator, client: AsyncWebClient) -> None:
    """A link with another label is recorded with both, so that deceit can be seen."""
    await client.chat_postMessage(channel=DESK, text="<https://evil.example|bank.example>")
    message = slack.channel("front-desk").messages[-1]
    assert message.links == [("https://evil.example", "bank.example")]


async def test_names_are_linked_only_on_request(
    slack: SlackSimulator, client: AsyncWebClient
) -> None:
    """`@bea` and `@here` notify only with link_names."""
    await client.chat_postMessage(channel=DESK, text="@bea and @here", link_names=True)
    pings = slack.channel("front-desk").messages[-1].pings
    assert (pings.users, pings.broadcasts) == ((BEA,), ("here",))


async def test_long_texts_are_cut_on_posting_and_refused_on_editing(
    slack: SlackSimulator, client: AsyncWebClient
) -> None:
    """A post is cut at 40,000 characters; an edit over 4,000 is refused."""
    posted = await client.chat_postMessage(channel=DESK, text="x" * 40_001)
    assert len(slack.channel("front-desk").messages[-1].text) == 40_000
    with pytest.raises(SlackApiError) as caught:
        await client.chat_update(channel=DESK, ts=str(posted["ts"]), text="x" * 4001)
    assert refusal(caught) == "msg_too_long"


async def test_metadata_shows_only_when_asked_for(
    slack: SlackSimulator, client: AsyncWebClient
) -> None:
    """History carries metadata with include_all_metadata only, and an update keeps it."""
    metadata = {"event_type": "delivery", "event_payload": {"id": "d1"}}
    posted = await client.chat_postMessage(channel=DESK, text="x", metadata=metadata)
    await client.chat_update(channel=DESK, ts=str(posted["ts"]), text="y")
    plain = await client.conversations_history(channel=DESK)
    full = await client.conversations_history(channel=DESK, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == metadata
    assert slack.channel("front-desk").messages[-1].edited is not None


async def test_only_own_messages_change(slack: SlackSimulator, client: AsyncWebClient) -> None:
    """An app can neither update nor delete what somebody else wrote."""
    message = await slack.say("Bea", "front-desk", "mine")
    for call, error in (
        (client.chat_update(channel=DESK, ts=message.ts, text="x"), "cant_update_message"),
        (client.chat_delete(channel=DESK, ts=message.ts), "cant_delete_message"),
    ):
        with pytest.raises(SlackApiError) as caught:
            await call
        assert refusal(caught) == error


async def test_archived_and_foreign_channels_are_refused(
    slack: SlackSimulator, client: AsyncWebClient
) -> None:
    """Posting says whether the channel is archived, unknown, or one the app is not in."""
    slack.install(scopes=["chat:write"], bot_events=[], commands=[], channels=["front-desk"])
    await slack.archive("front-desk")
    for channel, error in (
        (DESK, "is_archived"),
        ("C000GENERAL", "not_in_channel"),
        ("C0BACKOFFICE", "channel_not_found"),
    ):
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel=channel, text="x")
        assert refusal(caught) == error


async def test_reactions_are_once_each(slack: SlackSimulator, client: AsyncWebClient) -> None:
    """The same mark twice, one that is not there, and an unknown emoji are refused."""
    message = await slack.say("Bea", "front-desk", "hello")
    await client.reactions_add(channel=DESK, timestamp=message.ts, name="white_check_mark")
    assert message.reactions == {"white_check_mark": [BOT_USER_ID]}
    for call, error in (
        (client.reactions_add, "already_reacted"),
        (client.reactions_remove, None),
        (client.reactions_remove, "no_reaction"),
    ):
        if error is None:
            await call(channel=DESK, timestamp=message.ts, name="white_check_mark")
            continue
        with pytest.raises(SlackApiError) as caught:
            await call(channel=DESK, timestamp=message.ts, name="white_check_mark")
        assert refusal(caught) == error
    with pytest.raises(SlackApiError) as caught:
        await client.reactions_add(channel=DESK, timestamp=message.ts, name="no_such_emoji")
    assert refusal(caught) == "invalid_name"


# Threads


async def test_a_thread_keeps_its_books(slack: SlackSimulator, client: AsyncWebClient) -> None:
    """A parent counts its replies, and a broadcast reply shows in the channel as well."""
    parent = await client.chat_postMessage(channel=DESK, text="card")
    ts = str(parent["ts"])
    await slack.say("Bea", "front-desk", "one", thread_ts=ts)
    last = await slack.say("Carl", "front-desk", "two", thread_ts=ts, broadcast=True)
    read = await client.conversations_replies(channel=DESK, ts=ts)
    assert [message["text"] for message in read["messages"]] == ["card", "one", "two"]
    head = read["messages"][0]
    assert (head["reply_count"], head["latest_reply"]) == (2, last.ts)
    history = await client.conversations_history(channel=DESK)
    assert [message["text"] for message in history["messages"]] == ["two", "card"]
    assert history["messages"][0]["subtype"] == "thread_broadcast"


async def test_a_deleted_parent_leaves_a_tombstone(
    slack: SlackSimulator, client: AsyncWebClient, app: RecordingApp
) -> None:
    """Deleting a parent with replies is a change to a tombstone that cannot be answered."""
    parent = await client.chat_postMessage(channel=DESK, text="card")
    ts = str(parent["ts"])
    await slack.say("Bea", "front-desk", "one", thread_ts=ts)
    await slack.delete("Ada", "front-desk", ts)
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=DESK, text="x", thread_ts=ts)
    assert refusal(caught) == "cannot_reply_to_message"
    await slack.settled()
    event = app.events[-1]["event"]
    assert event["subtype"] == "message_changed"
    assert event["message"]["subtype"] == "tombstone"
    assert event["message"]["text"] == TOMBSTONE_TEXT
    assert event["previous_message"]["text"] == "card"
    read = await client.conversations_replies(channel=DESK, ts=ts)
    assert [message["text"] for message in read["messages"]] == [TOMBSTONE_TEXT, "one"]


async def test_a_deleted_message_without_replies_is_gone(client: AsyncWebClient) -> None:
    """Nothing is left of a lone message: its thread is not found."""
    posted = await client.chat_postMessage(channel=DESK, text="card")
    await client.chat_delete(channel=DESK, ts=str(posted["ts"]))
    with pytest.raises(SlackApiError) as caught:
        await client.conversations_replies(channel=DESK, ts=str(posted["ts"]))
    assert refusal(caught) == "thread_not_found"


async def test_history_pages_backwards(slack: SlackSimulator, client: AsyncWebClient) -> None:
    """Pages of history are newest first, meet without gap or overlap, and obey the bounds."""
    said = [await slack.say("Bea", "front-desk", f"m{number}") for number in range(7)]
    first = await client.conversations_history(channel=DESK, limit=3)
    assert first["has_more"]
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_history(channel=DESK, limit=3, cursor=cursor)
    texts = [message["text"] for page in (first, second) for message in page["messages"]]
    assert texts == ["m6", "m5", "m4", "m3", "m2", "m1"]
    after = await client.conversations_history(channel=DESK, oldest=said[4].ts)
    assert [message["text"] for message in after["messages"]] == ["m6", "m5"]
    from_there = await client.conversations_history(channel=DESK, oldest=said[4].ts, inclusive=True)
    assert len(from_there["messages"]) == 3


# Limits


async def test_tiers_are_enforced(client: AsyncWebClient, slack: SlackSimulator) -> None:
    """Over its tier a method answers 429 with Retry-After, until the minute has passed."""
    slack.server.has_rate_limits = True
    for _ in range(20):
        await client.users_list()
    with pytest.raises(SlackApiError) as caught:
        await client.users_list()
    assert refusal(caught) == "ratelimited"
    assert caught.value.response.status_code == 429
    wait_seconds = int(caught.value.response.headers["Retry-After"])
    assert 0 < wait_seconds <= 60
    await client.team_info()
    slack.clock.shift(wait_seconds)
    await client.users_list()


async def test_a_channel_takes_a_message_a_second(
    client: AsyncWebClient, slack: SlackSimulator
) -> None:
    """After a burst a channel takes one post a second; another channel is not held up."""
    slack.server.has_rate_limits = True
    for _ in range(5):
        await client.chat_postMessage(channel=DESK, text="x")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=DESK, text="x")
    assert caught.value.response.headers["Retry-After"] == "1"
    await client.chat_postMessage(channel="C00PARTNERS", text="x")
    slack.clock.shift(1)
    await client.chat_postMessage(channel=DESK, text="x")


# What people type


async def test_typed_text_becomes_slacks_markup(slack: SlackSimulator) -> None:
    """Mentions, links and entities of a typed message are as the client sends them."""
    message = await slack.say(
        "Bea",
        "front-desk",
        "@Carl <b> & https://example.com/?a=1&b=2 *now* +1 415 555 0100 😀 #general @here",
        link_phones=True,
    )
    assert message.text == (
        "<@U000000CARL> &lt;b&gt; &amp; <https://example.com/?a=1&amp;b=2> *now*"
        " <tel:+14155550100|+1 415 555 0100> :grinning: <#C000GENERAL|general> <!here>"
    )
    kinds = [element["type"] for element in message.blocks[0]["elements"][0]["elements"]]
    assert [kind for kind in kinds if kind != "text"] == [
        "user", "link", "link", "emoji", "channel", "broadcast",
    ]  # fmt: skip
    assert {"type": "text", "text": "now", "style": {"bold": True}} in (
        message.blocks[0]["elements"][0]["elements"]
    )


async def test_people_cannot_do_what_slack_does_not_let_them(slack: SlackSimulator) -> None:
    """Outsiders, deactivated people and archived channels are refused by Slack's own client."""
    message = await slack.say("Bea", "front-desk", "hello")
    attempts = (
        slack.say("Otto", "front-desk", "hello"),
        slack.say("Dora", "front-desk", "hello"),
        slack.say("Bea", "front-desk", "   "),
        slack.edit("Carl", "front-desk", message.ts, "mine"),
        slack.delete("Carl", "front-desk", message.ts),
        slack.react("Carl", "front-desk", message.ts, "no_such_emoji"),
        slack.click("Carl", "front-desk", message.ts, "claim"),
    )
    for attempt in attempts:
        with pytest.raises(ClientRefused):
            await attempt


# Events


async def test_a_message_reaches_the_app_once(slack: SlackSimulator, app: RecordingApp) -> None:
    """A message is delivered signed, in an envelope that names the installation."""
    await slack.verify_request_url()
    message = await slack.say("Bea", "front-desk", "hello")
    await slack.settled()
    (body,) = app.events
    assert body["event"]["ts"] == message.ts
    assert body["event"]["channel_type"] == "channel"
    assert body["authorizations"][0]["user_id"] == BOT_USER_ID
    assert slack.undelivered == []


async def test_a_mention_is_two_events(slack: SlackSimulator, app: RecordingApp) -> None:
    """A mention of the app comes as message and as app_mention, each with its own event id."""
    await slack.say("Bea", "front-desk", "@SMS claim")
    await slack.settled()
    assert sorted(body["event"]["type"] for body in app.events) == ["app_mention", "message"]
    assert len({body["event_id"] for body in app.events}) == 2


async def test_only_subscribed_events_of_own_channels_come(
    slack: SlackSimulator, app: RecordingApp
) -> None:
    """Neither a channel the app is not in nor an event it did not ask for is delivered."""
    slack.install(request_url=app.url, mode="http", bot_events=["message.channels"])
    await slack.say("Bea", "general", "elsewhere")
    message = await slack.say("Bea", "front-desk", "here")
    await slack.react("Carl", "front-desk", message.ts, "eyes")
    await slack.settled()
    assert [body["event"]["text"] for body in app.events] == ["here"]


async def test_an_outsider_is_marked_as_one(slack: SlackSimulator, app: RecordingApp) -> None:
    """A message of another organisation names its team and says the channel is shared."""
    await slack.say("Otto", "partners", "hello")
    await slack.settled()
    (body,) = app.events
    other_team_id = slack.person("Otto").team_id
    assert body["is_ext_shared_channel"] is True
    assert body["context_team_id"] == slack.team_id
    assert body["event"]["user_team"] == body["event"]["source_team"] == other_team_id


async def test_link_previews_are_changes_without_an_edit(
    slack: SlackSimulator, app: RecordingApp
) -> None:
    """An unfurl is a message_changed whose message was never edited; an edit says by whom."""
    message = await slack.say("Bea", "front-desk", "https://example.com")
    await slack.unfurl("front-desk", message.ts, "https://example.com")
    await slack.settled()
    assert "edited" not in app.events[-1]["event"]["message"]
    await slack.edit("Bea", "front-desk", message.ts, "never mind")
    await slack.settled()
    assert app.events[-1]["event"]["message"]["edited"]["user"] == BEA


async def test_failed_deliveries_are_repeated_three_times(
    slack: SlackSimulator, app: RecordingApp
) -> None:
    """A refused event comes again with its number and reason, the same event id, then no more."""
    app.answer_event = lambda _: web.Response(status=500)
    await slack.say("Bea", "front-desk", "hello")
    await slack.settled()
    assert len({body["event_id"] for body in app.events}) == 1
    numbers = [headers.get("x-slack-retry-num") for headers in app.headers]
    reasons = [headers.get("x-slack-retry-reason") for headers in app.headers]
    assert numbers == [None, "1", "2", "3"]
    assert reasons == [None, "http_error", "http_error", "http_error"]
    assert slack.deliveries[0].state == "given_up"


async def test_an_app_can_decline_repeats(slack: SlackSimulator, app: RecordingApp) -> None:
    """x-slack-no-retry on a failure ends the matter."""
    app.answer_event = lambda _: web.Response(status=500, headers={"x-slack-no-retry": "1"})
    await slack.say("Bea", "front-desk", "hello")
    await slack.settled()
    assert len(app.events) == 1


async def test_an_app_that_is_down_gets_the_event_later(slack: SlackSimulator) -> None:
    """A refused connection is retried, so an app that comes back in time loses nothing."""
    async with RecordingApp(SIGNING_SECRET) as early:
        url = early.url
    slack.install(request_url=url, mode="http")
    await slack.say("Bea", "front-desk", "hello")
    await slack.settled()
    (delivery,) = slack.undelivered
    assert {attempt.failure for attempt in delivery.attempts} == {"connection_failed"}


async def test_faults_lose_and_double_events(slack: SlackSimulator, app: RecordingApp) -> None:
    """A lost event never comes; a doubled one comes twice, under two event ids."""
    slack.faults.add("lose", path="message.channels")
    await slack.say("Bea", "front-desk", "lost")
    slack.faults.add("duplicate", path="message.channels")
    await slack.say("Bea", "front-desk", "twice")
    await slack.settled()
    assert [body["event"]["text"] for body in app.events] == ["twice", "twice"]
    assert len({body["event_id"] for body in app.events}) == 2


async def test_a_dropped_answer_still_posted(slack: SlackSimulator, client: AsyncWebClient) -> None:
    """drop_after loses the answer, not the message."""
    slack.faults.add("drop_after", path="chat.postMessage")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.chat_postMessage(channel=DESK, text="posted")
    assert [message.text for message in slack.channel("front-desk").messages] == ["posted"]


async def test_the_app_hears_of_its_channels(slack: SlackSimulator, app: RecordingApp) -> None:
    """Being invited and removed are events that name the app, with its last one included."""
    await slack.invite_bot("general")
    await slack.kick_bot("general")
    await slack.settled()
    kinds = [body["event"]["type"] for body in app.events if body["event"]["type"] != "message"]
    assert sorted(kinds) == ["member_joined_channel", "member_left_channel"]


# Commands and interactivity


async def test_a_command_is_answered_privately(slack: SlackSimulator, app: RecordingApp) -> None:
    """The text of the acknowledgement is shown to the person who typed, and to nobody else."""
    app.answer_interaction = lambda _: web.json_response({"text": "sent to <@U0000000BEA>"})
    result = await slack.command("Bea", "front-desk", "/sms", "@Carl <tel> +1 415 555 0100")
    assert result.payload["text"] == "<@U000000CARL|carl> &lt;tel&gt; +1 415 555 0100"
    assert "thread_ts" not in result.payload
    assert result.text == "sent to <@U0000000BEA>"
    assert [answer.shown for answer in slack.private_answers("Bea")] == ["sent to @Bea"]
    assert slack.private_answers("Carl") == []
    assert slack.channel("front-desk").messages == []


async def test_a_command_links_phones_where_the_client_does(
    slack: SlackSimulator, app: RecordingApp
) -> None:
    """Some clients send a number as a tel: link, which the app has to read."""
    result = await slack.command("Bea", "general", "/sms", "+1 415 555 0100 hi", link_phones=True)
    assert result.payload["text"] == "<tel:+14155550100|+1 415 555 0100> hi"
    assert app.interactions[-1]["channel_name"] == "general"


async def test_a_command_in_a_thread_is_refused_by_slack(
    slack: SlackSimulator, app: RecordingApp
) -> None:
    """Slack itself refuses commands in threads; the app never hears of them."""
    parent = await slack.say("Bea", "front-desk", "hello")
    result = await slack.command("Bea", "front-desk", "/sms", "help", thread_ts=parent.ts)
    assert result.refused == "/sms is not supported in threads. Sorry!"
    assert app.interactions == []


async def test_a_slow_command_times_out(slack: SlackSimulator) -> None:
    """An app that does not answer in time leaves the person with Slack's own sentence."""

    async def sleep(_request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", sleep)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.install(request_url=f"http://127.0.0.1:{runner.addresses[0][1]}/", mode="http")
    result = await slack.command("Bea", "front-desk", "/sms", "help")
    await runner.cleanup()
    assert result.refused == '/sms failed with the error "operation_timeout"'


async def test_a_response_url_serves_five_times_for_half_an_hour(
    slack: SlackSimulator, app: RecordingApp
) -> None:
    """The sixth answer and any answer after thirty minutes are refused."""
    assert not app.interactions
    result = await slack.command("Bea", "front-desk", "/sms", "help")
    url = result.payload["response_url"]
    async with aiohttp.ClientSession() as session:
        for number in range(5):
            async with session.post(url, json={"text": f"answer {number}"}) as response:
                assert (response.status, await response.text()) == (200, "ok")
        async with session.post(url, json={"text": "too many"}) as response:
            assert (response.status, (await response.json())["error"]) == (404, "used_url")
        late = await slack.command("Bea", "front-desk", "/sms", "help")
        slack.clock.shift(1801)
        async with session.post(late.payload["response_url"], json={"text": "x"}) as response:
            assert (await response.json())["error"] == "expired_url"
    assert len(result.answers) == 5


async def test_a_click_can_change_its_message(
    slack: SlackSimulator, client: AsyncWebClient, app: RecordingApp
) -> None:
    """A click tells the app where it was, and its response_url can replace what was clicked."""
    blocks = [{"type": "actions", "elements": [button("claim", value="c1")]}]
    posted = await client.chat_postMessage(channel=DESK, text="card", blocks=blocks)
    result = await slack.click("Bea", "front-desk", str(posted["ts"]), "claim")
    action = app.interactions[-1]["actions"][0]
    assert (action["action_id"], action["value"]) == ("claim", "c1")
    async with aiohttp.ClientSession() as session:
        body = {"text": "claimed", "replace_original": True}
        async with session.post(result.payload["response_url"], json=body) as response:
            assert response.status == 200
    assert slack.channel("front-desk").messages[-1].text == "claimed"


async def test_triggers_serve_once_and_for_three_seconds(
    slack: SlackSimulator, client: AsyncWebClient, app: RecordingApp
) -> None:
    """A trigger opens one modal, within three seconds of its click."""
    view = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Help"},
        "blocks": [{"type": "divider"}],
    }
    first = (await slack.command("Bea", "front-desk", "/sms")).payload["trigger_id"]
    await client.views_open(trigger_id=first, view=view)
    assert [open_view.title for open_view in slack.views("Bea")] == ["Help"]
    assert len(app.interactions) == 1
    late = (await slack.command("Bea", "front-desk", "/sms")).payload["trigger_id"]
    slack.clock.shift(4)
    for trigger_id, error in ((first, "exchanged_trigger_id"), (late, "expired_trigger_id")):
        with pytest.raises(SlackApiError) as caught:
            await client.views_open(trigger_id=trigger_id, view=view)
        assert refusal(caught) == error


async def test_a_submission_can_be_corrected(
    slack: SlackSimulator, client: AsyncWebClient, app: RecordingApp
) -> None:
    """Errors keep the modal open at its fields; an empty answer closes it."""
    label = {"type": "plain_text", "text": "Number"}
    element = {"type": "plain_text_input", "action_id": "number", "max_length": 20}
    view = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Compose"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [{"type": "input", "block_id": "to", "label": label, "element": element}],
    }
    trigger_id = (await slack.command("Bea", "front-desk", "/sms")).payload["trigger_id"]
    await client.views_open(trigger_id=trigger_id, view=view)
    with pytest.raises(ClientRefused):
        await slack.submit_view("Bea")
    errors = {"response_action": "errors", "errors": {"to": "This is no number."}}
    app.answer_interaction = lambda _: web.json_response(errors)
    refused = await slack.submit_view("Bea", {"number": "x"})
    assert refused.errors == {"to": "This is no number."}
    app.answer_interaction = lambda _: web.Response()
    accepted = await slack.submit_view("Bea", {"to": "+1 415 555 0100"})
    assert accepted.view is None
    values = app.interactions[-1]["view"]["state"]["values"]
    assert values["to"]["number"] == {"type": "plain_text_input", "value": "+1 415 555 0100"}


# Files


async def test_files_travel_both_ways(slack: SlackSimulator, client: AsyncWebClient) -> None:
    """A person's file is read with the token only; an app's file appears after it was taken."""
    message = await slack.say("Bea", "front-desk", "", files=[("menu.txt", b"soup")])
    url = message.files[0]["url_private_download"]
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers=headers) as response:
            assert await response.read() == b"soup"
        async with session.get(url) as response:
            assert (response.status, response.content_type) == (200, "text/html")
    parent = str((await client.chat_postMessage(channel=DESK, text="card"))["ts"])
    await client.files_upload_v2(
        channel=DESK, filename="photo.png", content=b"pixels", thread_ts=parent
    )
    card = slack.channel("front-desk").message(parent)
    await slack.wait_for(lambda: card.replies)
    assert card.replies[0].files[0]["name"] == "photo.png"
    file_id = card.replies[0].files[0]["id"]
    info = await client.files_info(file=file_id)
    assert info["file"]["shares"]["public"][DESK][0]["ts"] == card.replies[0].ts


async def test_files_of_others_have_to_be_looked_up(
    slack: SlackSimulator, client: AsyncWebClient
) -> None:
    """A file of another organisation carries nothing but its id until files.info is asked."""
    message = await slack.say("Otto", "partners", "see", files=[("plan.txt", b"x")])
    assert message.files[0]["file_access"] == "check_file_info"
    info = await client.files_info(file=message.files[0]["id"])
    assert info["file"]["url_private_download"].startswith(slack.url)


# Control over HTTP


async def test_another_process_can_act_too(slack: SlackSimulator) -> None:
    """Everything people do can be asked for over HTTP, refusals included."""
    async with aiohttp.ClientSession() as session:
        said = {"user": "Bea", "channel": "front-desk", "text": "hello @Carl"}
        async with session.post(f"{slack.url}/_sandbox/say", json=said) as response:
            message = await response.json()
        assert message["pings"]["users"] == ["U000000CARL"]
        async with session.post(
            f"{slack.url}/_sandbox/say", json={**said, "user": "Otto"}
        ) as response:
            assert response.status == 409
        async with session.get(f"{slack.url}/_sandbox/state") as response:
            state = await response.json()
        (desk,) = [one for one in state["channels"] if one["name"] == "front-desk"]
        assert [one["shown"] for one in desk["messages"]] == ["hello @Carl"]
