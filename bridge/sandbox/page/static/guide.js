// The guided first minute: three steps that tick themselves off; followed or closed, remembered.

import { button, h, icon, redraw } from "./dom.js";
import { onNoticed } from "./noticed.js";
import { usualNumber } from "./texts.js";
import { changed, go, remember, remembered, state } from "./store.js";

const STEPS = [
  {
    done: "texted",
    title: "Text the team",
    words: (name) => `Be ${name}, a customer: write on the phone.`,
    show: () => showPhone(),
  },
  {
    done: "replied",
    title: "Answer in the thread",
    words: () =>
      `A reply is a text, even “@carl …” or “note: …”; it leaves after ${state.bridge.hold_seconds} s.`,
    show: () => showThread(),
  },
  {
    done: "commanded",
    title: "Write first",
    words: () => "Type /sms, a number and words; see Eve’s phone.",
    show: () => showCommand(),
  },
];
const GUEST = "Dan";

const told = () => remembered("guide", { done: [], isClosed: false });

function keep(change) {
  remember("guide", { ...told(), ...change });
  changed();
}

onNoticed((what) => {
  const { done, isClosed } = told();
  if (!isClosed && STEPS.some((each) => each.done === what) && !done.includes(what))
    keep({ done: [...done, what] });
});

export const reopenGuide = () => keep({ done: [], isClosed: false });

export function renderGuide() {
  const { done, isClosed } = told();
  const place = document.getElementById("guide");
  place.hidden = isClosed;
  const current = STEPS.findIndex((each) => !done.includes(each.done));
  redraw(place, [done, isClosed], () =>
    current < 0
      ? finished()
      : [
          h(
            "div.guide-title",
            {},
            h("b", {}, "First minute"),
            h("span.detail", {}, `${done.length} of 3 done`),
          ),
          h(
            "ol.steps",
            {},
            STEPS.map((each, index) =>
              step(each, index, done.includes(each.done), index === current),
            ),
          ),
          closeButton(),
        ],
  );
}

const closeButton = () =>
  button(
    "Close the first steps",
    () => keep({ isClosed: true }),
    { class: "quiet" },
    icon("close"),
  );

const IDEAS =
  "Now try to break it: kill the bridge while a text is on hold, switch on a fault, pause the clock, text STOP. X-ray shows what it does about it.";

function finished() {
  return [
    h("span.step.done", {}, h("span.number", {}, icon("check"))),
    h("div.guide-title", {}, h("b", {}, "That is all of it"), h("span.detail", {}, IDEAS)),
    h("span.spacer"),
    closeButton(),
  ];
}

function step(each, index, isDone, isNow) {
  return h(
    "li.step",
    {
      class: `${isDone ? "done" : ""} ${isNow ? "now" : ""}`,
      "aria-current": isNow ? "step" : undefined,
    },
    h("span.number", {}, isDone ? icon("check") : String(index + 1)),
    h(
      "span.step-words",
      {},
      h("b", {}, each.title, isDone ? h("span.sr", {}, " (done)") : null),
      each.words(GUEST),
    ),
    isNow
      ? h(
          "button.kit-button",
          { type: "button", onclick: each.show, "aria-label": `Show me: ${each.title}` },
          "Show me",
        )
      : null,
  );
}

// Going there

const focus = (selector, words) =>
  requestAnimationFrame(() => {
    const box = document.querySelector(selector);
    if (!box) return;
    if (words && !box.value) {
      box.value = words;
      box.dispatchEvent(new Event("input"));
    }
    box.focus();
  });

function showPhone() {
  const phone = state.phones.phones.find((each) => each.name === GUEST) || state.phones.phones[0];
  if (!phone) return;
  remember(`chat:${phone.number}`, usualNumber());
  go({ pane: "phones", phone: phone.number });
  focus(
    `.device[data-number="${CSS.escape(phone.number)}"] textarea`,
    "Do you have a table for two at eight?",
  );
}

function showThread() {
  const channel = state.screen.channels.find((each) => each.name === "front-desk");
  const root = channel?.messages
    .filter((each) => each.reply_count)
    .sort((one, other) => (one.latest_reply < other.latest_reply ? 1 : -1))[0];
  go({ pane: "slack", at: "front-desk", thread: root?.ts });
  focus("#thread textarea");
}

function showCommand() {
  const phone = state.phones.phones.find((each) => each.name === "Eve");
  const number = (phone?.number || "+14155550177").replace(
    /^\+1(\d{3})(\d{3})(\d{4})$/,
    "+1 $1 $2 $3",
  );
  go({ pane: "slack", at: "front-desk", thread: null, phone: phone?.number || state.route.phone });
  focus("#channel-foot textarea", `/sms ${number} Your table is ready`);
}
