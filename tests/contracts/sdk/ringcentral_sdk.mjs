// RingCentral's own Node SDK against the simulated RingCentral; any surprise ends it with 1.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import ringcentral from '@ringcentral/sdk';
import subscriptionsPackage from '@ringcentral/subscriptions';

const { SDK } = ringcentral;
const { Subscriptions } = subscriptionsPackage;
const server = process.env.RINGCENTRAL_SERVER_URL;
const number = process.env.RINGCENTRAL_NUMBER;
const alice = '+14155550100';
const extension = '/restapi/v1.0/account/~/extension/~';

const sandbox = async (path, body) => {
  const response = await fetch(`${server}/_sandbox/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.ok(response.ok, `${path}: ${response.status}`);
};

const sdk = new SDK({
  server,
  clientId: process.env.RINGCENTRAL_CLIENT_ID,
  clientSecret: process.env.RINGCENTRAL_CLIENT_SECRET,
});
const platform = sdk.platform();
await platform.login({ jwt: process.env.RINGCENTRAL_JWT });
await platform.refresh();

const sms = (text) => ({ from: { phoneNumber: number }, to: [{ phoneNumber: alice }], text });
const sent = await (await platform.post(`${extension}/sms`, sms('From the Node SDK'))).json();
assert.equal(sent.direction, 'Outbound');
// What JavaScript does to such numbers is why conversation.id exists.
assert.notEqual(String(sent.conversationId), sent.conversation.id);

const form = new FormData();
form.append('json', new Blob([JSON.stringify(sms('Look'))], { type: 'application/json' }), 'request.json');
form.append('attachment', new Blob([new Uint8Array(64)], { type: 'image/png' }), 'a.png');
const token = (await platform.auth().data()).access_token;
const picture = await fetch(`${server}${extension}/mms`, {
  method: 'POST',
  headers: { Authorization: `Bearer ${token}` },
  body: form,
});
assert.equal(picture.status, 200);

const read = await (await platform.get(`${extension}/message-store/${sent.id}`)).json();
assert.equal(read.subject, 'From the Node SDK');
const numbers = await (await platform.get(`${extension}/phone-number`)).json();
assert.ok(numbers.records.some((each) => each.features.includes('SmsSender')));
await assert.rejects(platform.post(`${extension}/sms`, sms('x'.repeat(1001))), (error) => {
  assert.equal(error.response.status, 400);
  return true;
});

const subscription = new Subscriptions({ sdk }).createSubscription();
const notified = once(subscription, subscription.events.notification);
await subscription.setEventFilters([`${extension}/message-store/instant?type=SMS`]).register();
await sandbox(`phones/${encodeURIComponent(alice)}/texts`, { text: 'Hello SDK', to: number });
const [event] = await notified;
assert.equal(event.body.subject, 'Hello SDK');

console.log('ringcentral_sdk: ok');
process.exit(0);
