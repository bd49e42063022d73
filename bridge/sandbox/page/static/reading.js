// What the person acted as has seen already, kept by this browser.

import { me, remember, remembered, state } from "./store.js";

const key = (name) => `read:${state.screen.me}:${name}`;
const isMine = (message) => message.user === state.screen.me;

export const readUpTo = (name) => remembered(key(name), "0");

export function markRead(name, ts) {
  if (ts && ts > readUpTo(name)) remember(key(name), ts);
}

export const isRoot = (message) => !message.thread_ts || message.thread_ts === message.ts || message.broadcast;

function notifies(message) {
  const { users = [], usergroups = [], broadcasts = [] } = message.pings || {};
  const mine = (id) => state.screen.usergroups.find((each) => each.usergroup_id === id)?.users.includes(me().id);
  return users.includes(me().id) || usergroups.some(mine) || broadcasts.length > 0;
}

export const notifiesMe = (message) => !isMine(message) && notifies(message);

/** Whether there is something new in a channel, and how often it calls this person. */
export function unreadOf(channel) {
  const fresh = (message) => message.ts > readUpTo(isRoot(message) ? channel.id : `${channel.id}/${message.thread_ts}`);
  const unseen = channel.messages.filter((each) => !isMine(each) && fresh(each));
  const roots = unseen.filter(isRoot);
  const mentions = channel.kind === "im" ? roots.length : unseen.filter(notifies).length;
  return { isUnread: roots.length > 0 || mentions > 0, mentions };
}

export function unreadReplies(channel, root) {
  const seen = readUpTo(`${channel.id}/${root.ts}`);
  return channel.messages.filter((each) => each.thread_ts === root.ts && each.ts !== root.ts && each.ts > seen && !isMine(each)).length;
}
