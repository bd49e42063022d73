// Slack's own Web API client against the simulated Slack; any surprise ends the program with 1.
import assert from 'node:assert/strict';
import { ErrorCode, WebClient } from '@slack/web-api';

const slackApiUrl = process.env.SLACK_API_URL;
const channel = 'C0FRONTDESK';
const client = new WebClient(process.env.SLACK_BOT_TOKEN, {
  slackApiUrl,
  retryConfig: { retries: 0 },
});

const refused = (error) => ({ code: ErrorCode.PlatformError, data: { ok: false, error } });
const rejectsWith = async (promise, error) => {
  const caught = await promise.then(() => assert.fail(`expected ${error}`), (reason) => reason);
  const { code, data } = refused(error);
  assert.equal(caught.code, code, caught.message);
  assert.equal(caught.data.error, data.error);
};

const whoami = await client.auth.test();
assert.ok(whoami.user_id && whoami.bot_id && whoami.team_id);

const card = await client.chat.postMessage({
  channel,
  text: 'A text from (415) 555-0100',
  blocks: [
    { type: 'section', text: { type: 'plain_text', text: 'Is my order ready?' } },
    {
      type: 'actions',
      elements: [
        { type: 'button', action_id: 'claim', text: { type: 'plain_text', text: 'Claim' } },
      ],
    },
  ],
  metadata: { event_type: 'delivery', event_payload: { id: 'd1' } },
  unfurl_links: false,
});
const reply = await client.chat.postMessage({ channel, thread_ts: card.ts, text: 'Yes' });
const thread = await client.conversations.replies({
  channel,
  ts: card.ts,
  include_all_metadata: true,
});
assert.deepEqual(thread.messages.map((message) => message.ts), [card.ts, reply.ts]);
assert.equal(thread.messages[0].metadata.event_payload.id, 'd1');
assert.equal(thread.messages[0].reply_count, 1);

await client.reactions.add({ channel, timestamp: reply.ts, name: 'white_check_mark' });
await rejectsWith(
  client.reactions.add({ channel, timestamp: reply.ts, name: 'white_check_mark' }),
  'already_reacted',
);
await client.chat.update({ channel, ts: card.ts, text: 'Answered', blocks: [] });
await client.chat.postEphemeral({ channel, user: 'U0000000BEA', text: 'only you' });
const { permalink } = await client.chat.getPermalink({ channel, message_ts: reply.ts });
assert.match(permalink, /thread_ts=/);

const people = [];
for await (const page of client.paginate('users.list', { limit: 4 })) people.push(...page.members);
assert.ok(people.length > 4);
assert.equal((await client.users.info({ user: 'U0000000GUS' })).user.is_restricted, true);
assert.ok((await client.users.conversations({ types: 'public_channel' })).channels.length >= 1);

const upload = await client.filesUploadV2({
  channel_id: channel,
  thread_ts: card.ts,
  filename: 'menu.txt',
  file: Buffer.from('soup of the day'),
});
assert.equal(upload.files.length, 1);

await client.views.publish({
  user_id: 'U0000000BEA',
  view: { type: 'home', blocks: [{ type: 'divider' }] },
});
await rejectsWith(client.chat.postMessage({ channel: 'C0', text: 'x' }), 'channel_not_found');
await rejectsWith(client.chat.postMessage({ channel, text: '' }), 'no_text');
await rejectsWith(client.views.open({ trigger_id: 'x', view: {
  type: 'modal', title: { type: 'plain_text', text: 'T' }, blocks: [{ type: 'divider' }],
} }), 'invalid_trigger_id');
await rejectsWith(new WebClient('xoxb-stranger', { slackApiUrl }).auth.test(), 'invalid_auth');

const limited = new WebClient(process.env.SLACK_BOT_TOKEN, {
  slackApiUrl,
  rejectRateLimitedCalls: true,
});
await fetch(new URL('/_sandbox/faults', slackApiUrl), {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({
    kind: 'status', path: 'team.info', status: 429, headers: { 'Retry-After': '7' },
    body: { ok: false, error: 'ratelimited' },
  }),
});
const slowed = await limited.team.info().then(() => assert.fail(), (reason) => reason);
assert.equal(slowed.code, ErrorCode.RateLimitedError);
assert.equal(slowed.retryAfter, 7);

console.log('slack_web_api: ok');
