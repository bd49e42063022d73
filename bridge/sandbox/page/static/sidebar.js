// Slack's sidebar: channels, direct messages, the app, and who is being acted as.

import { ask } from "./dialog.js";
import { button, closePopovers, h, icon, popover, redraw } from "./dom.js";
import { avatar } from "./people.js";
import { latestThread, unreadInThreads, unreadOf } from "./reading.js";
import {
  act,
  actAs,
  channelAt,
  channelName,
  go,
  me,
  quietly,
  refresh,
  slackAct,
  state,
} from "./store.js";

export function renderSidebar() {
  const { screen, route } = state;
  const channels = screen.channels.map((each) => [
    each.id,
    each.name,
    each.kind,
    each.is_member,
    each.is_archived,
    unreadOf(each),
  ]);
  const people = screen.people.map((each) => [each.name, each.real_name, each.role]);
  const threads = [...unreadInThreads(), latestThread()].map((each) => [
    each?.channel.id,
    each?.message.ts,
    each?.isMention,
  ]);
  redraw(
    document.getElementById("sidebar"),
    [screen.me, channels, threads, people, route.at, screen.app],
    sidebar,
  );
}

function sidebar() {
  const { screen } = state;
  const rooms = screen.channels.filter(
    (each) => each.kind !== "im" && (each.is_member || !each.is_archived),
  );
  return [
    h("div.team", {}, h("h2", {}, screen.team)),
    h(
      "div.rail.scroll",
      {},
      threadsRow(),
      head(
        "Channels",
        isGuest() ? null : button("Add a channel", addChannel, { class: "quiet" }, icon("plus")),
      ),
      rooms.map(channelRow),
      head("Direct messages"),
      directRows(),
      head("Apps"),
      appRow(),
    ),
    meButton(),
  ];
}

const isGuest = () => /guest|other/.test(me().role);
const head = (name, extra) => h("div.rail-head", {}, h("h3", {}, name), extra);

function row({ label, sign, name, at, unread = {}, isCurrent, isDim, isDisabled, onclick }) {
  return h(
    "button.rail-row",
    {
      type: "button",
      "aria-label": label,
      "aria-current": isCurrent ? "page" : undefined,
      disabled: isDisabled,
      title: isDisabled ? "No thread that you follow has a reply yet" : undefined,
      onclick,
      class: `${unread.isUnread ? "unread" : ""} ${isDim ? "dim" : ""}`,
      dataset: { at },
    },
    h("span.sign", {}, sign),
    h("span.name", {}, name),
    unread.mentions ? h("span.count", { title: "Notifications" }, String(unread.mentions)) : null,
  );
}

const open = (change) => () => {
  document.getElementById("slack").classList.remove("opened");
  go({ thread: null, tab: null, ...change });
};

function isAt(channel) {
  return state.route.at !== "home" && channelAt(state.route.at)?.id === channel.id;
}

/** Leads from one thread with something new to the next; where none is, to the one written in last. */
function threadsRow() {
  const unseen = unreadInThreads();
  const mentions = unseen.filter((each) => each.isMention).length;
  const next = unseen.find((each) => each.isMention) || unseen[0] || latestThread();
  return row({
    label: unseen.length ? `Threads, ${unseen.length} new replies` : "Threads",
    sign: icon("reply"),
    name: "Threads",
    at: "threads",
    unread: { isUnread: unseen.length > 0, mentions },
    isDim: !unseen.length,
    isDisabled: !next,
    onclick: () => open({ at: next.channel.id, thread: next.message.thread_ts })(),
  });
}

function channelRow(channel) {
  return row({
    label: `Channel ${channel.name}${unreadOf(channel).isUnread ? ", unread" : ""}`,
    sign: channel.kind === "group" ? icon("lock") : "#",
    name: channel.name,
    at: channel.name,
    unread: unreadOf(channel),
    isCurrent: isAt(channel),
    isDim: !channel.is_member || channel.is_archived,
    onclick: open({ at: channel.name }),
  });
}

function directRows() {
  const direct = (id) =>
    state.screen.channels.find(
      (each) => each.kind === "im" && each.members.includes(id) && each.is_member,
    );
  const others = state.screen.people.filter(
    (each) => !each.is_bot && !each.is_deleted && each.id !== state.screen.me,
  );
  return others.map((each) => {
    const channel = direct(each.id);
    return row({
      label: `Direct message with ${each.name}`,
      sign: avatar(each.id, "small"),
      name: each.real_name,
      at: each.name,
      unread: channel ? unreadOf(channel) : {},
      isCurrent: Boolean(channel && isAt(channel)),
      onclick: async () => {
        const found =
          channel || (await slackAct("direct_message", { other: each.id }).catch(() => null));
        if (!found) return;
        await refresh("slack");
        open({ at: found.id })();
      },
    });
  });
}

function appRow() {
  const { app, channels } = state.screen;
  const messages = channels.find(
    (each) => each.kind === "im" && each.members.includes(app.user_id),
  );
  return row({
    label: `App ${app.name}`,
    sign: avatar(app.user_id, "small"),
    name: app.name,
    at: "home",
    unread: messages ? unreadOf(messages) : {},
    isCurrent: state.route.at === "home",
    onclick: open({ at: "home" }),
  });
}

function meButton() {
  const mine = me();
  return h(
    "button.me",
    {
      type: "button",
      "aria-label": `Acting as ${mine.name}: choose somebody else`,
      "aria-haspopup": "menu",
      onclick: (event) => choosePerson(event.currentTarget),
    },
    avatar(mine.id, "medium"),
    h(
      "span.who",
      {},
      mine.real_name,
      h("small", {}, `You, a${/^[aeiou]/.test(mine.role) ? "n" : ""} ${mine.role}`),
    ),
    icon("down"),
  );
}

function choosePerson(anchor) {
  const choose = (each) => () => {
    closePopovers();
    actAs(each.name);
  };
  const people = state.screen.people.filter((each) => !each.is_bot && !each.is_deleted);
  const rows = people.map((each) =>
    h(
      "button.menu-item",
      {
        type: "button",
        role: "menuitemradio",
        "aria-checked": String(each.id === state.screen.me),
        onclick: choose(each),
        "aria-label": `Act as ${each.name}`,
      },
      avatar(each.id, "medium"),
      h("span", {}, each.real_name),
      h("span.spacer"),
      h("span.detail", {}, each.role),
    ),
  );
  popover(anchor, h("div.menu", { role: "menu" }, h("div.menu-title", {}, "Act as"), rows), {
    above: true,
  });
}

async function addChannel() {
  const given = await ask({
    title: "Create a channel",
    fields: [
      { name: "name", label: "Name", placeholder: "e.g. night-shift", required: true },
      { name: "private", label: "Private: only its members see it", kind: "checkbox" },
      {
        name: "invited",
        label: `Invite the app ${state.screen.app.name}`,
        kind: "checkbox",
        value: true,
      },
    ],
    yes: "Create",
  });
  if (!given) return;
  const name = given.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  const created = await quietly(
    act("/slack/create_channel", { name, members: [state.route.as], private: given.private }),
  );
  if (!created) return;
  if (given.invited) await quietly(slackAct("invite_bot", { channel: name }));
  await refresh("slack");
  go({ at: name, thread: null });
}

export const titleOf = (channel) =>
  channel.kind === "im" ? channelName(channel) : `#${channel.name}`;
