// What the person acted as has seen already, kept by this browser.

import { me, remember, remembered, state } from "./store.js";

const key = (name) => `read:${state.screen.me}:${name}`;
const isMine = (message) => message.user === state.screen.me;

export const readUpTo = (name) => remembered(key(name), "0");

export function markRead(name, ts) {
  if (ts && ts > readUpTo(name)) remember(key(name), ts);
}

export const isRoot = (message) =>
  !message.thread_ts || message.thread_ts === message.ts || message.broadcast;

export const isSystem = (message) => /^(channel|group)_/.test(message.subtype || "");

function notifies(message) {
  const { users = [], usergroups = [], broadcasts = [] } = message.pings || {};
  const mine = (id) =>
    state.screen.usergroups.find((each) => each.usergroup_id === id)?.users.includes(me().id);
  return users.includes(me().id) || usergroups.some(mine) || broadcasts.length > 0;
}

export const notifiesMe = (message) => !isMine(message) && notifies(message);

/** Whether there is something new in a channel, and how often it calls this person. */
export function unreadOf(channel) {
  const unseen = channel.messages.filter(
    (each) => isRoot(each) && !isMine(each) && each.ts > readUpTo(channel.id),
  );
  const mentions = channel.kind === "im" ? unseen.length : unseen.filter(notifies).length;
  return { isUnread: unseen.length > 0, mentions };
}

/** Replies in the threads this person wrote in or was called in, channel by channel. */
function followedReplies() {
  return state.screen.channels.flatMap((channel) => {
    const isReply = (each) => each.thread_ts && each.thread_ts !== each.ts;
    const followed = new Set(
      channel.messages
        .filter((each) => isMine(each) || notifies(each))
        .map((each) => each.thread_ts || each.ts),
    );
    return channel.messages
      .filter((each) => isReply(each) && followed.has(each.thread_ts))
      .map((message) => ({ channel, message, isMention: notifies(message) }));
  });
}

/** What is new in them, oldest first. */
export function unreadInThreads() {
  return followedReplies().filter(
    ({ channel, message }) =>
      !isMine(message) && message.ts > readUpTo(`${channel.id}/${message.thread_ts}`),
  );
}

/** The newest of those replies; undefined where there is none. */
export function latestThread() {
  return followedReplies().sort((one, other) => (one.message.ts < other.message.ts ? 1 : -1))[0];
}

export function unreadReplies(channel, root) {
  const seen = readUpTo(`${channel.id}/${root.ts}`);
  if (!root.reply_count || root.latest_reply <= seen) return 0;
  return channel.messages.filter(
    (each) => each.thread_ts === root.ts && each.ts !== root.ts && each.ts > seen && !isMine(each),
  ).length;
}
