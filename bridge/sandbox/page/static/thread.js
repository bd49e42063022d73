// The thread pane.

import { composer } from "./composer.js";
import { button, fill, h, icon, redraw } from "./dom.js";
import { drawMessages } from "./messages.js";
import { markRead } from "./reading.js";
import { titleOf } from "./sidebar.js";
import { channelAt, go, state } from "./store.js";

export function closeThread() {
  if (state.route.thread) go({ thread: null });
}

export function renderThread() {
  const channel = channelOfThread();
  const root = channel?.messages.find((each) => each.ts === state.route.thread);
  document.getElementById("thread").hidden = !root;
  document.getElementById("slack").classList.toggle("threaded", Boolean(root));
  if (!root) return;
  drawHead(channel);
  const replies = channel.messages.filter(
    (each) => each.thread_ts === root.ts && each.ts !== root.ts,
  );
  const whispers = channel.private.filter((each) => each.thread_ts === root.ts);
  const key = `${state.screen.me} ${channel.id} ${root.ts}`;
  const view = { key, thread: root.ts, replies: replies.length };
  drawMessages(
    document.getElementById("thread-messages"),
    channel,
    [root, ...replies, ...whispers],
    view,
  );
  markRead(`${channel.id}/${root.ts}`, replies.at(-1)?.ts);
  drawFoot(channel, root, key);
}

function channelOfThread() {
  if (!state.route.thread) return null;
  const { app, channels } = state.screen;
  if (state.route.at !== "home") return channelAt(state.route.at);
  return channels.find((each) => each.kind === "im" && each.members.includes(app.user_id));
}

function drawHead(channel) {
  redraw(document.getElementById("thread-head"), titleOf(channel), () => [
    h("h2", {}, "Thread"),
    h("span.detail", {}, titleOf(channel)),
    h("span.spacer"),
    button("Close thread", closeThread, { class: "quiet" }, icon("close")),
  ]);
}

function drawFoot(channel, root, key) {
  const place = document.getElementById("thread-foot");
  const signature = `${key} ${channel.is_member} ${channel.is_archived} ${root.deleted}`;
  if (place.shownFor === signature) return;
  place.shownFor = signature;
  fill(place, foot(channel, root, key));
}

function foot(channel, root, key) {
  if (channel.is_archived) return h("div.closed", {}, `#${channel.name} is archived.`);
  if (!channel.is_member) return h("div.closed", {}, "Join the channel to answer.");
  if (root.deleted) return h("div.closed", {}, "The first message of this thread was deleted.");
  return composer({ key, label: "Reply in thread", channel, thread: root.ts });
}
