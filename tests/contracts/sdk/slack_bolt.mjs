// Slack's own Bolt for JavaScript against the simulated Slack, over HTTP or in Socket Mode.
// It serves until its standard input closes; the runner plays the people.
import bolt from '@slack/bolt';

const { App, LogLevel } = bolt;
const socketMode = process.argv[2] === 'socket';
const slackApiUrl = process.env.SLACK_API_URL;

const app = new App({
  token: process.env.SLACK_BOT_TOKEN,
  appToken: process.env.SLACK_APP_TOKEN,
  signingSecret: process.env.SLACK_SIGNING_SECRET,
  clientOptions: { slackApiUrl },
  installerOptions: { clientOptions: { slackApiUrl } },
  socketMode,
  logLevel: LogLevel.ERROR,
});

app.message(async ({ message, say }) => {
  if (message.subtype === undefined) {
    await say({
      text: `heard ${message.text}`,
      thread_ts: message.ts,
      blocks: [
        {
          type: 'actions',
          elements: [
            { type: 'button', action_id: 'claim', text: { type: 'plain_text', text: 'Claim' } },
          ],
        },
      ],
    });
  }
});

app.command('/sms', async ({ ack, command, respond }) => {
  await ack(`got ${command.text}`);
  await respond('and more');
});

app.action('claim', async ({ ack, body, client }) => {
  await ack();
  await client.views.open({
    trigger_id: body.trigger_id,
    view: {
      type: 'modal',
      callback_id: 'note',
      title: { type: 'plain_text', text: 'Note' },
      submit: { type: 'plain_text', text: 'Keep' },
      blocks: [
        {
          type: 'input',
          block_id: 'note',
          label: { type: 'plain_text', text: 'Note' },
          element: { type: 'plain_text_input', action_id: 'text' },
        },
      ],
    },
  });
});

app.view('note', async ({ ack, view }) => {
  if (view.state.values.note.text.value === 'bad') {
    await ack({ response_action: 'errors', errors: { note: 'Not this.' } });
  } else {
    await ack();
  }
});

app.event('app_home_opened', async ({ event, client }) => {
  await client.views.publish({
    user_id: event.user,
    view: { type: 'home', blocks: [{ type: 'divider' }] },
  });
});

const server = await app.start(socketMode ? undefined : { port: 0, host: '127.0.0.1' });
console.log(socketMode ? 'connected' : `port ${server.address().port}`);
process.stdin.on('end', async () => {
  await app.stop();
  process.exit(0);
});
process.stdin.resume();
