// A list of messages: days, grouping by author, private answers, what can be done with each.

import { blocks } from "./blocks.js";
import { editForm, isEditing } from "./editing.js";
import { button, h, icon, keepAtEnd, reconcile, settle, toast } from "./dom.js";
import { fileCard } from "./files.js";
import { rove } from "./keyboard.js";
import { openThread, toolbar } from "./message_actions.js";
import { emojiCharacter, mrkdwn } from "./mrkdwn.js";
import { appAvatar, avatar } from "./people.js";
import { isSystem, notifiesMe, unreadReplies } from "./reading.js";
import { nameOf, now, person, quietly, slackAct, state } from "./store.js";
import { ago, clockTime, dayKey, dayName, fullTime, ofTs } from "./time.js";

const GROUP_SECONDS = 300;

/** Draw `list` (messages and private answers) into `place`; `view` says where that is. */
export function drawMessages(place, channel, list, view) {
  keepAtEnd(place);
  reconcile(place, itemsOf(channel, list, view), (item) => item.make());
  rove(place);
  settle(place, view.key);
}

function itemsOf(channel, list, view) {
  const items = [...(view.top || [])];
  const today = dayKey(new Date(now()));
  const sorted = [...list].sort((one, other) => (one.ts < other.ts ? -1 : 1));
  let before = null;
  let isNewShown = false;
  for (const message of sorted) {
    const at = ofTs(message.ts);
    if (!view.thread && (!before || dayKey(ofTs(before.ts)) !== dayKey(at))) {
      items.push({ key: `day ${dayKey(at)}`, signature: today, make: () => day(at) });
      before = null;
    }
    if (
      view.newSince &&
      !isNewShown &&
      message.ts > view.newSince &&
      message.user !== state.screen.me
    ) {
      items.push({
        key: "new",
        signature: "",
        make: () => h("div.fresh", { role: "separator" }, "New"),
      });
      isNewShown = true;
      before = null;
    }
    items.push(messageItem(channel, message, view, follows(before, message), today));
    before = message;
    if (view.thread === message.ts && view.replies) {
      items.push({
        key: "replies",
        signature: view.replies,
        make: () => h("div.replies-line", {}, count(view.replies, "reply", "replies")),
      });
      before = null;
    }
  }
  return items;
}

const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
const day = (at) => h("div.day", { role: "separator" }, h("span", {}, dayName(at)));
const authorOf = (message) =>
  `${message.user || ""} ${message.username || ""} ${message.source || ""}`;

function follows(before, message) {
  if (!before || before.source || message.source || isSystem(before) || isSystem(message))
    return false;
  return (
    authorOf(before) === authorOf(message) &&
    message.ts - before.ts < GROUP_SECONDS &&
    !message.broadcast
  );
}

function messageItem(channel, message, view, isFollowing, today) {
  const isEdited = isEditing(channel, message);
  const unread = view.thread ? 0 : unreadReplies(channel, message);
  const names = state.screen.people.length;
  const last = message.latest_reply && ago(ofTs(message.latest_reply));
  return {
    key: `${message.source ? "private" : "message"} ${message.ts}`,
    signature: [
      message,
      isFollowing,
      isEdited,
      unread,
      today,
      state.screen.me,
      view.thread,
      channel.is_archived,
      names,
      last,
    ],
    make: () => row(channel, message, { view, isFollowing, isEdited, unread }),
  };
}

function row(channel, message, { view, isFollowing, isEdited, unread }) {
  const isPrivate = Boolean(message.source);
  const kinds = [
    isFollowing && "follows",
    isPrivate && "private",
    notifiesMe(message) && "pings-me",
    isEdited && "editing",
  ];
  const at = ofTs(message.ts);
  const side = isFollowing ? h("time", {}, clockTime(at)) : face(message);
  return h(
    "article.message",
    {
      class: kinds.filter(Boolean).join(" "),
      dataset: { ts: message.ts },
      tabindex: "-1",
      "aria-label": `${authorName(message)}, ${clockTime(at)}`,
    },
    isPrivate ? h("div.whisper", {}, icon("eye"), "Only visible to you") : null,
    h("div.aside", {}, side),
    isEdited
      ? editForm(channel, message)
      : h(
          "div.content",
          {},
          isFollowing ? notifying(message) : byline(message, at, isPrivate),
          content(channel, message, view, unread),
        ),
    isEdited || message.subtype === "tombstone" ? null : toolbar(channel, message, view, isPrivate),
  );
}

function authorName(message) {
  if (message.source) return message.source === "slackbot" ? "Slackbot" : state.screen.app.name;
  return message.username || person(message.user)?.real_name || message.author || "Slackbot";
}

function face(message) {
  if (message.source || message.username || message.bot_id) return appAvatar();
  return avatar(message.user);
}

function byline(message, at, isPrivate) {
  const found = person(message.user);
  const tag =
    isPrivate || message.bot_id || found?.is_bot
      ? "App"
      : { guest: "Guest", "single-channel guest": "Guest", "other organisation": "External" }[
          found?.role
        ];
  return h(
    "header.byline",
    {},
    h("b", {}, authorName(message)),
    tag ? h("span.tag", {}, tag) : null,
    h("time", { title: fullTime(at) }, clockTime(at)),
    notifying(message),
    isPrivate
      ? button("Dismiss", () => quietly(slackAct("dismiss", { ts: message.ts })), {
          class: "dismiss",
        })
      : null,
  );
}

/** Whom a message notified, said in words: in Slack one would only hear it. */
function notifying(message) {
  const { users = [], usergroups = [], broadcasts = [] } = message.pings || {};
  const names = [
    ...users.map(nameOf),
    ...usergroups.map((id) => `@${nameOf(id)}`),
    ...broadcasts.map((each) => `@${each}`),
  ];
  if (!names.length) return null;
  return h(
    "span.notifies",
    { role: "note", title: "This message notifies them" },
    icon("bell"),
    `notifies ${names.join(", ")}`,
  );
}

function content(channel, message, view, unread) {
  if (message.subtype === "tombstone")
    return h("div.words.tombstone", {}, "This message was deleted.");
  return [
    message.broadcast && !view.thread ? h("div.broadcast-line", {}, "replied to a thread") : null,
    words(channel, message),
    (message.files || []).length ? h("div.files", {}, message.files.map(fileCard)) : null,
    (message.attachments || []).map(preview),
    reactions(channel, message),
    view.thread ? null : threadLink(channel, message, unread),
  ];
}

function words(channel, message) {
  const edited = message.edited && !message.bot_id ? h("span.edited", {}, " (edited)") : null;
  if (isSystem(message)) return h("div.words.system", {}, mrkdwn(message.text));
  const shown = message.blocks?.length
    ? blocks(message.blocks, hostOf(channel, message))
    : mrkdwn(message.text);
  const node = h("div.words", {}, shown);
  const last = [...node.querySelectorAll(".rich-section")].at(-1);
  if (edited) (last || node).append(edited); // beside the last line, not under it
  return node;
}

/** What Block Kit stands in, here: each click goes to the app at once. */
function hostOf(channel, message) {
  return {
    act: async (element, value, block) => {
      const given = {
        channel: channel.id,
        ts: message.ts,
        action_id: element.action_id,
        value,
        block_id: block.block_id,
      };
      const result = await quietly(slackAct("click", given));
      if (result?.refused)
        toast(`${state.screen.app.name} did not answer this click (${result.refused}).`);
    },
    suggest: async () => [],
    keep: () => {},
    kept: () => undefined,
  };
}

function preview(attachment) {
  const { title, title_link: link, text } = attachment;
  return h(
    "div.preview-card",
    {},
    h("b", {}, title || link || ""),
    text ? h("div", {}, mrkdwn(text)) : null,
  );
}

function reactions(channel, message) {
  if (!message.reactions?.length) return null;
  const toggle = (each, isMine) => () =>
    quietly(
      slackAct(isMine ? "unreact" : "react", {
        channel: channel.id,
        ts: message.ts,
        name: each.name,
      }),
    );
  const shown = message.reactions.map((each) => {
    const isMine = each.users.includes(state.screen.me);
    const label = `${each.users.map(nameOf).join(", ")} reacted with ${each.name.replaceAll("_", " ")}`;
    return h(
      "button.reaction",
      {
        type: "button",
        class: isMine ? "mine" : "",
        title: label,
        "aria-label": label,
        "aria-pressed": String(isMine),
        onclick: toggle(each, isMine),
      },
      emojiCharacter(each.name) || `:${each.name}:`,
      String(each.count),
    );
  });
  return h("div.reactions", {}, shown);
}

function threadLink(channel, message, unread) {
  if (!message.reply_count) return null;
  const faces = message.reply_users.slice(0, 4).map((id) => avatar(id, "small"));
  const replies = count(message.reply_count, "reply", "replies");
  return h(
    "button.thread-link",
    {
      type: "button",
      "aria-label": `Open thread: ${replies}`,
      onclick: () => openThread(channel, message.ts),
    },
    h("span.pile", {}, faces),
    h("b", {}, replies),
    unread ? h("span.new", {}, `${unread} new`) : null,
    h("span.detail", {}, `Last reply ${ago(ofTs(message.latest_reply))}`),
  );
}
