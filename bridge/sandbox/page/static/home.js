// The app's own place in Slack: its Home tab and its direct messages.

import { blocks } from "./blocks.js";
import { narrowMenu, renderRoom } from "./channel.js";
import { fill, h, reconcile, redraw } from "./dom.js";
import { viewHost } from "./modal.js";
import { avatar } from "./people.js";
import { go, quietly, refresh, slackAct, state } from "./store.js";

let announced = "";

export function renderHome() {
  const { app, channels } = state.screen;
  const tab = state.route.tab === "messages" ? "messages" : "home";
  announce(tab);
  const direct = channels.find(
    (each) => each.kind === "im" && each.members.includes(app.user_id) && each.is_member,
  );
  if (tab === "messages" && direct) return renderRoom(direct, () => drawHead(tab));
  drawHead(tab);
  drawHome(tab);
}

/** Slack tells the app each time somebody opens its Home. */
function announce(tab) {
  const key = `${state.screen.me} ${tab}`;
  if (announced === key) return;
  announced = key;
  quietly(slackAct("open_home", { tab }).then(() => refresh("slack")));
}

/** Called while something else is shown: the next look is a new one. */
export const leaveHome = () => (announced = "");

function drawHead(tab) {
  const { app } = state.screen;
  const tabButton = (name, words) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        "aria-selected": String(tab === name),
        onclick: () => go({ tab: name, thread: null }),
      },
      words,
    );
  redraw(document.getElementById("channel-head"), ["home", tab, state.screen.me], () => [
    narrowMenu(),
    h(
      "h2.title",
      {},
      avatar(app.user_id, "medium"),
      h("span", {}, app.name),
      h("span.tag", {}, "App"),
    ),
    h("span.spacer"),
    h(
      "div.home-tabs",
      { role: "tablist" },
      tabButton("home", "Home"),
      tabButton("messages", "Messages"),
    ),
  ]);
}

function drawHome(tab) {
  const { home, app } = state.screen;
  const place = document.getElementById("messages");
  const key = `home ${state.screen.me}`;
  if (place.shownFor !== key) place.scrollTop = 0;
  place.shownFor = key;
  place.isAtEnd = false;
  const item =
    home && tab === "home"
      ? {
          key: "home",
          signature: [home.hash, state.screen.me],
          make: () => h("div.home-page", {}, blocks(home.blocks, viewHost(home))),
        }
      : { key: "empty", signature: app.name, make: empty };
  reconcile(place, [item], (each) => each.make());
  const foot = document.getElementById("channel-foot");
  foot.shownFor = "home";
  fill(foot);
}

function empty() {
  return h(
    "div.home-empty",
    {},
    avatar(state.screen.app.user_id),
    h("h3", {}, "Nothing here yet"),
    h(
      "p",
      {},
      `${state.screen.app.name} has not published a Home for you. Its conversations are in the channel it is connected to.`,
    ),
  );
}
