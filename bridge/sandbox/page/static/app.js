// The page: what it is made of, and what starts it.

import { renderBar } from "./bar.js";
import { renderChannel } from "./channel.js";
import { closePopovers, fill, h } from "./dom.js";
import { renderGuide } from "./guide.js";
import { renderModal } from "./modal.js";
import { renderPhones } from "./phones.js";
import { renderSidebar } from "./sidebar.js";
import { renderThread, closeThread } from "./thread.js";
import { renderXray } from "./xray.js";
import { applyTheme } from "./theme.js";
import { actAs, begin, go, listen, onChange, state } from "./store.js";

function render() {
  document.body.dataset.pane = state.route.pane;
  renderTabs();
  if (state.bridge) renderBar();
  if (state.screen) {
    renderSidebar();
    renderChannel();
    renderThread();
    renderModal();
  }
  if (state.phones) renderPhones();
  if (state.screen && state.phones) renderGuide();
  renderXray();
  listen();
}

const PANES = { slack: "Slack", phones: "Phones", xray: "X-ray" };

function renderTabs() {
  const place = document.getElementById("tabs");
  const shown = ([pane, name]) =>
    h("button", {
      type: "button", role: "tab", "aria-selected": String(state.route.pane === pane),
      onclick: () => go({ pane, xray: pane === "xray" ? "on" : state.route.xray }),
    }, name);
  if (place.shownFor === state.route.pane) return;
  place.shownFor = state.route.pane;
  place.setAttribute("role", "tablist");
  fill(place, Object.entries(PANES).map(shown));
}

// Links that lead within the page, wherever a message holds one.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-channel]");
  if (!link) return;
  event.preventDefault();
  if (link.dataset.channel) go({ at: link.dataset.channel, thread: link.dataset.thread || null, pane: "slack" });
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  document.getElementById("slack").classList.remove("opened");
  closePopovers();
  if (!document.querySelector("dialog[open]") && !state.screen?.views.length) closeThread();
});

applyTheme();
onChange(render);
await begin();
if (!state.screen) await actAs("Bea");
