// Getting about by keys: F6 from part to part, arrows from message to message.

const PARTS = ["#bar", "#guide", "#sidebar", "#workspace", "#thread", "#phones", "#xray"];
const STOPS = "button, a[href], input, select, textarea, [tabindex]";
const CONTROLS = "button, a[href], input, select, textarea";

const isShown = (node) => node.offsetParent !== null || node.getClientRects().length > 0;
const mayStop = (node) => !node.disabled && !node.hidden && node.tabIndex >= 0 && isShown(node);

/** F6 goes to the next part that is seen, Shift+F6 to the one before; to where one was in it. */
export function goFromPartToPart() {
  const left = new Map();
  const partOf = (node) => PARTS.find((each) => node.closest?.(each));
  addEventListener("focusin", (event) => left.set(partOf(event.target), event.target));
  addEventListener("keydown", (event) => {
    if (event.key !== "F6" || document.querySelector("dialog[open], .modal")) return;
    event.preventDefault();
    const shown = PARTS.filter((each) => stopIn(each, left.get(each)));
    const at = shown.indexOf(partOf(document.activeElement));
    const step = event.shiftKey ? -1 : 1;
    const from = at < 0 && event.shiftKey ? 0 : at;
    const next = shown[(from + step + shown.length) % shown.length];
    stopIn(next, left.get(next)).focus();
  });
}

/** Where to stop in a part: where one was, else at what is written in, else at its first control. */
function stopIn(part, before) {
  const place = document.querySelector(part);
  if (!place || !isShown(place)) return null;
  if (before?.isConnected && mayStop(before)) return before;
  const all = [...place.querySelectorAll(STOPS)].filter(mayStop);
  return all.find((node) => node.matches("textarea")) || all[0] || null;
}

/** Make a list of messages one stop of the Tab key: arrows lead through it, Tab into a message. */
export function rove(place) {
  if (!place.isRoved) {
    place.isRoved = true;
    place.addEventListener("keydown", step);
    place.addEventListener("focusin", (event) => {
      const message = event.target.closest("article.message");
      if (message && message.dataset.key !== place.current) stopAt(place, message);
    });
  }
  const all = [...place.querySelectorAll("article.message")];
  stopAt(place, all.find((each) => each.dataset.key === place.current) || all.at(-1));
}

function stopAt(place, message) {
  place.current = message?.dataset.key;
  for (const each of place.querySelectorAll("article.message")) {
    const tabIndex = each === message ? 0 : -1;
    each.tabIndex = tabIndex;
    for (const control of each.querySelectorAll(CONTROLS)) control.tabIndex = tabIndex;
  }
}

function step(event) {
  if (event.target.matches("input, select, textarea")) return;
  const all = [...event.currentTarget.querySelectorAll("article.message")];
  const at = all.indexOf(event.target.closest("article.message"));
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  all[Math.max(0, Math.min(to, all.length - 1))].focus();
}
