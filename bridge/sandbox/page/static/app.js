// The page: what it is made of, and what starts it.

import { renderBar } from "./bar.js";
import { renderChannel } from "./channel.js";
import { closePopovers, h, redraw } from "./dom.js";
import { renderGuide } from "./guide.js";
import { goFromPartToPart } from "./keyboard.js";
import { renderModal } from "./modal.js";
import { renderPhones } from "./phones.js";
import { unreadOf } from "./reading.js";
import { renderSidebar } from "./sidebar.js";
import { unseenOf } from "./texts.js";
import { closeThread, renderThread } from "./thread.js";
import { renderXray } from "./xray.js";
import { applyTheme } from "./theme.js";
import { actAs, begin, changed, go, listen, onChange, state } from "./store.js";

function render() {
  document.body.dataset.pane = state.route.pane;
  renderTabs();
  if (state.bridge) renderBar();
  if (state.screen) {
    renderThread();
    renderChannel(); // after it: what the thread shows is no news in the channel
    renderSidebar(); // after both: what they show has been read
    renderModal();
  }
  if (state.phones) renderPhones();
  if (state.screen && state.phones) renderGuide();
  renderXray();
  listen();
}

const PANES = { slack: "Slack", phones: "Phones", xray: "X-ray" };

/** On a narrow window one part is seen at a time; a dot tells that something is new in another. */
function renderTabs() {
  const { pane } = state.route;
  const news = {
    slack:
      pane !== "slack" && Boolean(state.screen?.channels.some((each) => unreadOf(each).isUnread)),
    phones: pane !== "phones" && Boolean(state.phones?.phones.some(unseenOf)),
  };
  const tab = ([name, words]) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        "aria-label": words,
        "aria-selected": String(pane === name),
        onclick: () => go({ pane: name, xray: name === "xray" ? "on" : state.route.xray }),
      },
      words,
      news[name] ? h("span.dot", { title: "Something new" }) : null,
    );
  redraw(document.getElementById("tabs"), [pane, news], () => Object.entries(PANES).map(tab));
}

// Links that lead within the page, wherever a message holds one.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-channel]");
  if (!link) return;
  event.preventDefault();
  if (link.dataset.channel)
    go({ at: link.dataset.channel, thread: link.dataset.thread || null, pane: "slack" });
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  document.getElementById("slack").classList.remove("opened");
  const popover = document.querySelector(".popover");
  closePopovers();
  if (popover) return;
  const isWriting =
    document.activeElement?.matches("textarea, input") && document.activeElement.value;
  if (isWriting || document.querySelector("dialog[open]") || state.screen?.views.length) return;
  closeThread();
});

setInterval(changed, 30_000); // "5 minutes ago" grows older by itself

goFromPartToPart();
applyTheme();
onChange(render);
await begin();
if (!state.screen) await actAs("Bea");
