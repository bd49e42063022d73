// The control bar: product time, faults, the bridge itself, X-ray, light and dark.

import { faultsButton, renderFaults } from "./faults.js";
import { button, h, icon, redraw, word } from "./dom.js";
import { nextTheme, theme } from "./theme.js";
import { reopenGuide } from "./guide.js";
import { act, changed, go, now, quietly, state } from "./store.js";
import { clockTime } from "./time.js";

const HOUR = 3600;
const THEME_ICONS = { auto: "auto", light: "sun", dark: "moon" };

export function renderBar() {
  const { bridge, route, faults } = state;
  const place = document.getElementById("bar");
  const { offset_seconds, paused_at } = bridge.clock; // not its time, which never stands still
  const clock = { offset_seconds, paused_at };
  const faultsOn = faults.filter((each) => each.is_on).length;
  redraw(
    place,
    [
      bridge.bridge,
      bridge.problem,
      bridge.pid,
      clock,
      route.xray,
      theme(),
      faultsOn,
      state.screen?.undelivered,
    ],
    () => [
      h("div.brand", {}, h("img", { src: "/static/icon.svg", alt: "" }), h("h1", {}, "Sandbox")),
      narrowButton(place, faultsOn),
      h(
        "div.bar-groups",
        { id: "bar-groups" },
        clockGroup(clock),
        faultsButton(faultsOn),
        bridgeGroup(bridge),
        viewGroup(),
      ),
      bridge.problem ? h("p.problem", { role: "alert" }, bridge.problem) : null,
    ],
  );
  renderFaults();
  tick();
}

/** On a narrow window the controls are folded away; time and the bridge's state stay in sight. */
function narrowButton(place, faultsOn) {
  const toggle = (event) => {
    const isOpen = place.classList.toggle("opened");
    event.currentTarget.setAttribute("aria-expanded", String(isOpen));
  };
  return button(
    faultsOn ? `Controls, ${faultsOn} fault${faultsOn === 1 ? "" : "s"} on` : "Controls",
    toggle,
    {
      class: "bar-button only-narrow",
      "aria-expanded": String(place.classList.contains("opened")),
    },
    icon("sliders"),
    "Controls",
    faultsOn ? h("span.count", {}, String(faultsOn)) : null,
  );
}

// Time

function clockGroup(clock) {
  const isPaused = Boolean(clock.paused_at);
  const move = (act_, seconds) => () => quietly(act("/clock", { act: act_, seconds }).then(take));
  return h(
    "div.group.clock",
    { role: "group", "aria-label": "Clock" },
    icon("clock"),
    h(
      "span.time-now",
      {
        role: "timer",
        "aria-label": "Product time",
        title: "The time the bridge, Slack and the phones go by",
      },
      h("span", { dataset: { now: "date" } }),
      h("b", { dataset: { now: "time" } }),
    ),
    h(
      "span.pill",
      { class: isPaused ? "amber" : clock.offset_seconds > 1 ? "blue" : "" },
      clockState(clock),
    ),
    h(
      "span.segments",
      {},
      isPaused
        ? button("Run the clock", move("run"), {}, icon("play"), word("Run"))
        : button("Pause the clock", move("pause"), {}, icon("pause"), word("Pause")),
      button("Forward 5 minutes", move("forward", 5 * 60), {}, "+5 min"),
      button("Forward 1 hour", move("forward", HOUR), {}, "+1 h"),
      button(
        "Forward to tomorrow 9:00",
        () => move("forward", untilTomorrow())(),
        {},
        "Tomorrow 9:00",
      ),
    ),
  );
}

function clockState({ paused_at: pausedAt, offset_seconds: offset }) {
  if (pausedAt) return "Paused";
  return offset > 1 ? `${spanOf(offset)} ahead` : "Real time";
}

function spanOf(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  const [days, hours, rest] = [
    Math.floor(minutes / 1440),
    Math.floor((minutes % 1440) / 60),
    minutes % 60,
  ];
  return [days && `${days} d`, hours && `${hours} h`, rest && `${rest} min`]
    .filter(Boolean)
    .slice(0, 2)
    .join(" ");
}

function untilTomorrow() {
  const nine = new Date(now());
  nine.setDate(nine.getDate() + 1);
  nine.setHours(9, 0, 0, 0);
  return (nine - now()) / 1000;
}

const take = (told) => ((state.bridge = told), changed());

/** Every place on the page that shows the time of day, phones included. */
export function tick() {
  const at = new Date(now());
  const shown = {
    date: new Intl.DateTimeFormat("en-US", {
      weekday: "short",
      month: "short",
      day: "numeric",
    }).format(at),
    time: new Intl.DateTimeFormat("en-US", {
      hour: "numeric",
      minute: "2-digit",
      second: "2-digit",
    }).format(at),
    phone: clockTime(at).replace(/ [AP]M$/, ""),
  };
  document.querySelectorAll("[data-now]").forEach((node) => {
    const words = shown[node.dataset.now];
    if (node.textContent !== words) node.textContent = words;
  });
}
setInterval(tick, 1000);

// The bridge

const STATES = { running: "running", starting: "starting…", stopped: "stopped" };

function bridgeGroup({ bridge, pid }) {
  const waiting = bridge === "stopped" ? state.screen?.undelivered : 0;
  return h(
    "div.group",
    { role: "group", "aria-label": "Bridge" },
    h(
      "span.bridge-state",
      { role: "status", class: bridge, title: pid ? `Process ${pid}` : "" },
      h("span", {}, "Bridge "),
      h("b", {}, STATES[bridge]),
    ),
    waiting ? waitingPill(waiting) : null,
    bridge === "stopped"
      ? button("Start the bridge", changeBridge("start"), { class: "bar-button go" }, "Start")
      : button(
          "Kill the bridge",
          changeBridge("kill"),
          { class: "bar-button stop", disabled: bridge === "starting" },
          "Kill",
        ),
  );
}

/** Short, for there is little room: what it counts is in its name. */
function waitingPill(count) {
  const words = `Slack still holds ${count} event${count === 1 ? "" : "s"} for the bridge`;
  return h("span.pill.amber", { role: "note", title: words, "aria-label": words }, `+${count}`);
}

const changeBridge = (what) => (event) => {
  event.currentTarget.disabled = true;
  const node = event.currentTarget;
  quietly(act(`/bridge/${what}`).then(take)).finally(() => (node.disabled = false));
};

// What is shown

function viewGroup() {
  const isOn = Boolean(state.route.xray);
  const next = () => {
    nextTheme();
    changed();
  };
  return h(
    "div.group.views",
    {},
    button(
      "X-ray",
      () =>
        go({
          xray: isOn ? null : "on",
          pane: isOn ? "slack" : innerWidth < 900 ? "xray" : state.route.pane,
        }),
      {
        class: "bar-button",
        "aria-pressed": String(isOn),
        title: "What the bridge owes, tries, and hears",
      },
      icon("scan"),
      word("X-ray"),
    ),
    button("Show the first steps", reopenGuide, { class: "quiet" }, icon("help")),
    button(`Colours: ${theme()}`, next, { class: "quiet" }, icon(THEME_ICONS[theme()])),
  );
}
