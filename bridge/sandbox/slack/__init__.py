"""A simulated Slack workspace: Web API, Events API, Socket Mode, commands, interactivity, files.

It speaks HTTP and WebSocket as Slack does and refuses what Slack refuses, with Slack's words.

    async with SlackSimulator() as slack:                     # or: await slack.start(); stop()
        slack.install(request_url="http://127.0.0.1:8000/slack/events", mode="http")
        await slack.say("Bea", "front-desk", "Good morning")
        card = await slack.wait_for(lambda: slack.channel("front-desk").threads[-1:])

Constructor
    SlackSimulator(*, rate_limits=True, strict_arguments=True, answer_deadline_seconds=3.0,
                   retry_delays_seconds=(1.0, 60.0, 300.0), faults=None)

Addresses and secrets
    .url, .api_url (for slack_sdk's base_url), BOT_TOKEN, APP_TOKEN, SIGNING_SECRET,
    .team_id, .bot_user_id, .bot_id, .app_id

The app (installed with every scope and in Socket Mode from the start)
    install(request_url=None, mode="socket"|"http", commands=("/sms",), scopes=..., bot_events=...,
            channels=("front-desk", "partners"), manifest=None, ...)
    await verify_request_url()           Slack's url_verification call; raises what went wrong
    await post_signed(body, content_type, **headers)     any bytes; headers forge the signature
    await uninstall(), refresh_connections(reason="refresh_requested"), drop_connections()
    revoke_token(error="token_revoked")

What people do; user is a name, an id or a Person, channel a name or an id
    await say(user, channel, text, thread_ts=None, broadcast=False, files=(), link_phones=False)
        -> Message; files are (name, bytes) or (name, bytes, mimetype)
    await edit(user, channel, ts, text), delete(user, channel, ts)
    await react(user, channel, ts, name), unreact(user, channel, ts, name)
    await unfurl(channel, ts, url, title="")      a link preview appears: message_changed, unedited
    await command(user, channel, "/sms", text, thread_ts=None, link_phones=False) -> CommandResult
    await click(user, channel, ts, action_id, value=None, block_id=None) -> InteractionResult
    await click_in_view(user, action_id, value=None, view_id=None) -> InteractionResult
    await suggest(user, action_id, query, view_id=None) -> list of options (external_select)
    await global_shortcut(user, callback_id), message_shortcut(user, channel, ts, callback_id)
    await submit_view(user, values, view_id=None) -> SubmissionResult; values by block_id or
        action_id; the topmost modal of the user when view_id is not given
    await close_view(user, view_id=None), open_home(user, tab="home")
    await create_channel(name, members, private=False, shared=False), archive(channel), unarchive,
        rename(channel, name), join(user, channel), leave(user, channel), invite_bot(channel),
        kick_bot(channel), direct_message(user) -> Channel (the person's messages with the app)
    add_person(name, **flags) -> Person, await deactivate(user)
    What Slack's own client would not let a person do raises ClientRefused.

What is seen
    channel(name) -> Channel: .messages (all), .timeline (as the channel shows it), .roots,
        .threads (roots with replies), .message(ts), .members, .is_archived
    Message: .ts .text .shown (as a person reads it) .blocks .author .user_id .username .reactions
        .edited .files .metadata .thread_ts .replies .reply_count .pings .links
        .unfurl_links .unfurl_media .broadcast .is_deleted .permalink; buttons() lists action ids
    .pings says who would really be notified: users, usergroups, broadcasts; falsy when nobody
    private_answers(user) -> list of PrivateAnswer: what only this person was shown
    home(user) -> View or None, views(user) -> the person's open modals, topmost last
    .requests: RecordedRequest (at, method, arguments, status, response, http_method, wire);
        calls(method) are those of one method
    .deliveries: Delivery (kind, body, attempts, state), .undelivered
    await wait_for(predicate, timeout_seconds=5) -> the first truthy value, else TimeoutError
    await settled(timeout_seconds=5)     no delivery is under way

Faults: .faults (bridge.sandbox.faults); requests by path ("/api/chat.postMessage"), events by
    subscription ("message.channels", "app_mention", "reaction_added"); a doubled event comes
    under two event ids, as Slack's own repeats of one message do.
Limits: .server.has_rate_limits switches them at any time.
Time: .clock.shift(seconds) moves this workspace's own clock (ts, limits, triggers, urls).

Over HTTP the same acts are POST /_sandbox/<act> with a JSON object of the arguments, and
GET /_sandbox/state, /_sandbox/requests, /_sandbox/private_answers?user=Bea.

The cast: Bea, Carl (members), Ada (administrator), Olga (owner), Gus (guest), Sam (guest of one
channel), Otto (another organisation, in #partners), Dora (deactivated), Relay (another app's bot).
Channels: general, front-desk, partners (shared with Otto's organisation), back-office (private,
without the app).
"""

from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.commands import CommandResult
from bridge.sandbox.slack.deliveries import Delivery
from bridge.sandbox.slack.errors import ClientRefused
from bridge.sandbox.slack.http_transport import signature_headers
from bridge.sandbox.slack.installation import (
    ALL_SCOPES,
    APP_ID,
    APP_TOKEN,
    BOT_ID,
    BOT_TOKEN,
    BOT_USER_ID,
    EVENT_SCOPES,
    SIGNING_SECRET,
)
from bridge.sandbox.slack.interactivity import InteractionResult, SubmissionResult
from bridge.sandbox.slack.mentions import Pings
from bridge.sandbox.slack.messages import Message, PrivateAnswer
from bridge.sandbox.slack.people import TEAM_ID, Person
from bridge.sandbox.slack.server import RecordedRequest
from bridge.sandbox.slack.simulator import SlackSimulator
from bridge.sandbox.slack.views import View

__all__ = [
    "ALL_SCOPES",
    "APP_ID",
    "APP_TOKEN",
    "BOT_ID",
    "BOT_TOKEN",
    "BOT_USER_ID",
    "EVENT_SCOPES",
    "SIGNING_SECRET",
    "TEAM_ID",
    "Channel",
    "ClientRefused",
    "CommandResult",
    "Delivery",
    "InteractionResult",
    "Message",
    "Person",
    "Pings",
    "PrivateAnswer",
    "RecordedRequest",
    "SlackSimulator",
    "SubmissionResult",
    "View",
    "signature_headers",
]
