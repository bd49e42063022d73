// X-ray: each message with its deliveries and attempts as they happen, lanes and gates.

import { fill, h, reconcile, redraw } from "./dom.js";
import { calledBy, written } from "./people.js";
import { changed, go, state } from "./store.js";

// states of messages and deliveries, and outcomes of attempts
const COLOURS = {
  accepted: "green",
  received: "green",
  queued: "amber",
  waiting: "amber",
  claimed: "amber",
  started: "amber",
  later: "amber",
  parked: "amber",
  failed: "red",
  unsure: "red",
  refused: "red",
};
const SIDES = { slack: "Slack", ringcentral: "RingCentral" };

export function renderXray() {
  const place = document.getElementById("xray");
  const isOn = Boolean(state.route.xray);
  place.hidden = !isOn;
  document.getElementById("stage").classList.toggle("xrayed", isOn);
  if (!isOn) return;
  if (!place.children.length) fill(place, frame());
  const seen = state.xray;
  place.classList.toggle("blind", !seen);
  const hasSeen = place.querySelector(".traces").children.length > 0;
  redraw(place.querySelector(".blind-note"), [Boolean(seen), state.bridge?.bridge, hasSeen], () =>
    seen ? [] : blindWords(hasSeen),
  );
  if (!seen) return;
  reconcile(place.querySelector(".traces"), seen.messages.map(traceItem), (item) =>
    trace(item.message),
  );
  reconcile(place.querySelector(".others"), seen.others.slice(0, 30).map(deliveryItem), (item) =>
    deliveryRow(item.delivery, true),
  );
  const isMoved = Math.abs(new Date(seen.now) - new Date(seen.machine_now)) > 2000;
  redraw(place.querySelector(".clock-note"), isMoved, () =>
    isMoved ? "attempts, looks and gates go by the machine’s own clock, which never moves" : "",
  );
  redraw(place.querySelector(".lanes"), seen.lanes, () =>
    seen.lanes.length ? seen.lanes.map(lane) : h("p.detail", {}, "Nothing is waiting."),
  );
  const openings = seen.gates.map(opensIn);
  redraw(place.querySelector(".gates"), [seen.gates, openings.map((each) => each > 0)], () =>
    seen.gates.length ? closedFirst(seen.gates).map(gate) : h("p.detail", {}, "None has been used."),
  );
  lookAgainIn(Math.min(...openings.filter((each) => each > 0)));
}

const WAITS = { running: "Looking…", starting: "The bridge is starting." };

function blindWords(hasSeen) {
  const nobody = "The bridge is not running: there is nobody to ask.";
  const last = hasSeen ? " What was seen last is below." : "";
  return h("p.detail", { role: "status" }, WAITS[state.bridge?.bridge] || nobody + last);
}

function frame() {
  return [
    h(
      "div.xray-main.scroll",
      { tabindex: "0", role: "region", "aria-label": "Messages and their deliveries" },
      h("div.blind-note"),
      h("h2.xray-title", {}, "Messages", h("span.clock-note")),
      h("div.traces", { role: "list" }),
      h("h2.xray-title", {}, "Cards, notices and pages"),
      h("div.others", { role: "list" }),
    ),
    h(
      "div.xray-side.scroll",
      { tabindex: "0", role: "region", "aria-label": "Lanes and gates" },
      h("h2.xray-title", { title: "What must leave in order, and what stands first" }, "Lanes"),
      h("div.lanes"),
      h("h2.xray-title", { title: "How much of each provider's limit is used" }, "Gates"),
      h("div.gates"),
    ),
  ];
}

const traceItem = (message) => ({
  key: `m${message.id}`,
  signature: [message, namesOf(message)], // a phone's name may be known later than its texts
  message,
});
const namesOf = (message) => message.with.split(",").map(calledBy).join(", ");
const deliveryItem = (delivery) => ({ key: `d${delivery.id}`, signature: delivery, delivery });
const time = (iso) =>
  new Intl.DateTimeFormat("en-US", {
    hour: "numeric",
    minute: "2-digit",
    second: "2-digit",
  }).format(new Date(iso));
const badge = (word) => h("span.pill", { class: COLOURS[word] || "" }, word);

function trace(message) {
  const isOut = message.direction === "out";
  const numbers = message.with.split(",");
  const whom = namesOf(message);
  const status =
    message.carrier_status && message.carrier_status !== "Received"
      ? `${message.status} · ${message.carrier_status}`
      : message.status;
  return h(
    "article.trace",
    { role: "listitem", "aria-label": `Message ${message.id}` },
    h(
      "header",
      {},
      h(
        "span.way",
        { class: message.direction, title: isOut ? "To a phone" : "From a phone" },
        isOut ? "out" : "in",
      ),
      h(
        "button.trace-words",
        {
          type: "button",
          title: "Show its thread",
          onclick: () => go({ at: message.channel_id, thread: message.thread_ts, pane: "slack" }),
        },
        message.body || "(no words)",
      ),
      h(
        "span.detail",
        { title: numbers.map(written).join(", ") },
        `${isOut ? "to" : "from"} ${whom}`,
      ),
      h("span.spacer"),
      message.failure ? h("span.pill.red", {}, message.failure) : null,
      h("span.pill", { class: statusColour(message) }, status),
      h("span.when", { title: "When it was written" }, time(message.sent_at)),
    ),
    message.deliveries.map((each) => deliveryRow(each, false)),
  );
}

function statusColour({ status, carrier_status: carrier }) {
  if (/Failed/.test(carrier || "")) return "red";
  return COLOURS[status] || "";
}

function deliveryRow(delivery, isAlone) {
  const { side, kind, state: now, reason, attempts, subject, looks, lane } = delivery;
  return h(
    "div.delivery",
    { role: isAlone ? "listitem" : undefined, title: `Lane ${lane}` },
    h("span.side", { class: side }, SIDES[side] || side),
    h("span.kind", {}, isAlone ? `${subject}, ${kind}` : kind),
    badge(now),
    h(
      "span.doings",
      {},
      attempts.slice(-6).map(attempt),
      reason && reason !== attempts.at(-1)?.detail ? h("span.reason", {}, reason) : null,
      looks ? h("span.pill.amber", {}, `looked ${looks}×`) : null,
      h("span.detail", {}, comesNext(delivery)),
    ),
  );
}

/** What is awaited. Tries go by product time, looks by the machine's. */
function comesNext({ state: now, due_at: dueAt, look_at: lookAt, attempts }) {
  if (now === "waiting") return `${attempts.length ? "next try" : "due"} ${time(dueAt)}`;
  if (now === "unsure" && lookAt) return `looks again ${time(lookAt)}`;
  if (now === "parked") return "a person decides, in its thread";
  return "";
}

const FOUND = "found by looking";

/** One try. What was found by looking had broken first: its sender told so, or died of it. */
function attempt({ started_at: startedAt, outcome, detail, reported, took_ms: took }) {
  const isFound = outcome === "accepted" && detail === FOUND;
  const end = isFound
    ? `${reported ? "connection broke" : "the bridge was killed"} → ${FOUND}`
    : outcome || "under way";
  const span = isFound ? `after ${(took / 1000).toFixed(1)} s` : `${took} ms`;
  const words = [time(startedAt), end, took === null ? "" : span].filter(Boolean).join(" · ");
  return h(
    "span.attempt",
    { class: COLOURS[outcome] || "amber", title: detail || "" },
    words,
    detail && outcome !== "accepted" ? h("span.detail", {}, ` ${detail}`) : null,
  );
}

function lane({ lane: name, length, head, state: now, due_at: dueAt }) {
  return h(
    "div.lane",
    {},
    h("b", {}, name),
    badge(now),
    h("span.detail", {}, `${length} waiting; first: ${head}, due ${time(dueAt)}`),
  );
}

/** For how many milliseconds more a gate is closed; the bridge's machine is this one. */
const opensIn = ({ closed_until_at: until }) => (until ? Date.parse(until) - Date.now() : 0);

const closedFirst = (gates) => [
  ...gates.filter((each) => opensIn(each) > 0),
  ...gates.filter((each) => opensIn(each) <= 0),
];

let looking = null;

function lookAgainIn(milliseconds) {
  clearTimeout(looking);
  if (Number.isFinite(milliseconds)) looking = setTimeout(changed, milliseconds + 20);
}

const named = (id) => state.screen?.channels.find((each) => each.id === id)?.name;

/** A gate's key, its provider and budget apart: "slack:T1:post:C1", "ringcentral:1:medium". */
function gateName(key) {
  const [provider, account, ...budget] = key.split(":");
  return [
    h("b", {}, budget.map((each) => (named(each) ? `#${named(each)}` : each)).join(" ")),
    h("span.account", {}, ` ${provider === "slack" ? "Slack" : "RingCentral"} ${account}`),
  ];
}

function gate({ key, used, limit, window_seconds: seconds, closed_until_at: closedUntil }) {
  const share = limit ? Math.min(1, used / limit) : 0;
  return h(
    "div.gate",
    { title: key },
    h("span.gate-name", {}, gateName(key)),
    h("span.detail", {}, limit ? `${used} of ${limit} in ${seconds} s` : `${used}`),
    h("meter", { min: "0", max: "1", value: String(share), "aria-label": key }),
    opensIn({ closed_until_at: closedUntil }) > 0
      ? h("span.pill.red", {}, `closed until ${time(closedUntil)}`)
      : null,
  );
}
