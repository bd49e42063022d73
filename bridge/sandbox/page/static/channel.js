// The middle of Slack: a channel or a direct message, or the app's Home.

import { composer } from "./composer.js";
import { ask, confirm, plain } from "./dialog.js";
import { button, closePopovers, fill, h, icon, popover, redraw } from "./dom.js";
import { leaveHome, renderHome } from "./home.js";
import { drawMessages } from "./messages.js";
import { avatar } from "./people.js";
import { isRoot, markRead, readUpTo } from "./reading.js";
import { titleOf } from "./sidebar.js";
import { channelAt, channelName, go, person, quietly, refresh, slackAct, state } from "./store.js";

let opened = { key: "", newSince: "" };

export function renderChannel() {
  if (state.route.at === "home") return renderHome();
  leaveHome();
  const channel = channelAt(state.route.at);
  if (channel) renderRoom(channel);
}

/** Head, messages and composer of one channel; Home's Messages tab is one too. */
export function renderRoom(channel, head = drawHead) {
  const key = `${state.screen.me} ${channel.id}`;
  if (opened.key !== key) opened = { key, newSince: readUpTo(channel.id) };
  head(channel);
  const roots = channel.messages.filter(isRoot);
  const whispers = channel.private.filter((each) => !each.thread_ts);
  const place = document.getElementById("messages");
  drawMessages(place, channel, [...roots, ...whispers], {
    key,
    newSince: newSince(roots),
    top: [beginning(channel)],
  });
  if (document.visibilityState === "visible" && channel.is_member)
    markRead(channel.id, roots.at(-1)?.ts);
  drawFoot(channel, key);
}

/** The line over what is new is drawn only below something that was read before. */
function newSince(roots) {
  return roots.some((each) => each.ts <= opened.newSince) ? opened.newSince : "";
}

function drawHead(channel) {
  const signature = [
    channel.id,
    channel.name,
    channel.members,
    channel.is_archived,
    channel.is_member,
    state.screen.me,
  ];
  redraw(document.getElementById("channel-head"), signature, () => [
    narrowMenu(),
    channel.kind === "im"
      ? h("h2.title", {}, avatar(other(channel), "medium"), h("span", {}, channelName(channel)))
      : h(
          "button.title",
          {
            type: "button",
            "aria-label": `About #${channel.name}`,
            "aria-haspopup": "menu",
            onclick: (event) => channelMenu(event.currentTarget, channel),
          },
          channel.kind === "group" ? icon("lock") : "#",
          h("span", {}, channel.name),
          icon("down"),
        ),
    h("span.spacer"),
    channel.kind === "im" ? null : membersButton(channel),
  ]);
}

export const narrowMenu = () =>
  button(
    "Channels",
    () => document.getElementById("slack").classList.toggle("opened"),
    { class: "quiet only-narrow" },
    icon("menu"),
  );

const other = (channel) =>
  channel.members.find((id) => id !== state.screen.me) || channel.members[0];

function membersButton(channel) {
  const shown = channel.members.filter((id) => !person(id)?.is_bot).slice(0, 3);
  return h(
    "button.members",
    {
      type: "button",
      "aria-label": `${channel.members.length} members`,
      onclick: (event) => memberList(event.currentTarget, channel),
    },
    h(
      "span.pile",
      {},
      shown.map((id) => avatar(id, "medium")),
    ),
    String(channel.members.length),
  );
}

function memberList(anchor, channel) {
  const rows = channel.members.map((id) =>
    h(
      "div.member",
      { role: "listitem" },
      avatar(id, "medium"),
      h("span", {}, person(id)?.real_name || id),
      h("span.spacer"),
      h("span.detail", {}, person(id)?.role || ""),
    ),
  );
  popover(anchor, h("div.menu", { role: "list", "aria-label": "Members" }, rows), { right: true });
}

function channelMenu(anchor, channel) {
  const item = (label, name, body = {}, kind = "") =>
    h(
      "button.menu-item",
      {
        type: "button",
        role: "menuitem",
        class: kind,
        onclick: async () => {
          closePopovers();
          if (
            kind &&
            !(await confirm({
              title: plain(label),
              text: plain(`This is done to #${channel.name} at once.`),
              confirm: plain(label),
              style: "danger",
            }))
          )
            return;
          await quietly(slackAct(name, { channel: channel.id, ...body }));
          await refresh("slack");
        },
      },
      label,
    );
  const hasApp = channel.members.includes(state.screen.app.user_id);
  const app = state.screen.app.name;
  popover(
    anchor,
    h(
      "div.menu",
      { role: "menu" },
      hasApp
        ? item(`Remove the app ${app}`, "kick_bot", { user: undefined }, "danger")
        : item(`Invite the app ${app}`, "invite_bot"),
      channel.is_member ? item("Leave the channel", "leave") : item("Join the channel", "join"),
      h(
        "button.menu-item",
        { type: "button", role: "menuitem", onclick: () => rename(channel) },
        "Rename the channel",
      ),
      channel.is_archived
        ? item("Unarchive the channel", "unarchive")
        : item("Archive the channel", "archive", {}, "danger"),
    ),
  );
}

async function rename(channel) {
  closePopovers();
  const given = await ask({
    title: "Rename the channel",
    fields: [{ name: "name", label: "Name", value: channel.name, required: true }],
    yes: "Rename",
  });
  if (!given) return;
  const isDone = await slackAct("rename", { channel: channel.id, name: given.name }).then(
    () => true,
    () => false,
  );
  await refresh("slack");
  if (isDone) go({ at: given.name });
}

function beginning(channel) {
  const name = titleOf(channel);
  const words =
    channel.kind === "im"
      ? `This is the beginning of your conversation with ${name}.`
      : `This is the very beginning of the ${name} channel.`;
  return {
    key: "beginning",
    signature: name,
    make: () => h("div.beginning", {}, h("h3", {}, name), h("p", {}, words)),
  };
}

function drawFoot(channel, key) {
  const place = document.getElementById("channel-foot");
  const signature = `${key} ${channel.is_member} ${channel.is_archived} ${channel.name}`;
  if (place.shownFor === signature) return;
  const hadFocus = place.contains(document.activeElement);
  place.shownFor = signature;
  fill(place, foot(channel, key));
  if (hadFocus) place.querySelector("textarea")?.focus();
}

function foot(channel, key) {
  if (channel.is_archived)
    return h("div.closed", {}, `#${channel.name} is archived. Nobody can write here.`);
  if (!channel.is_member) return joinBar(channel);
  return composer({ key, label: `Message ${titleOf(channel)}`, channel });
}

function joinBar(channel) {
  const join = async () => {
    await quietly(slackAct("join", { channel: channel.id }));
    await refresh("slack");
  };
  return h(
    "div.closed",
    {},
    h("b", {}, `#${channel.name}`),
    "You are not in this channel.",
    h("button.kit-button.primary", { type: "button", onclick: join }, "Join channel"),
  );
}
