// Building elements. Text always goes in as text: nothing here ever reads HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `h("div.row", { onclick, title, dataset: {...} }, child, "text", [more])`. */
export function h(name, props = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) set(node, key, value);
  append(node, children);
  return node;
}

function set(node, key, value) {
  if (value === undefined || value === null || value === false) return;
  if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
  else if (key === "dataset") Object.assign(node.dataset, value);
  else if (key === "class") node.classList.add(...value.split(" ").filter(Boolean));
  else if (key === "style") Object.entries(value).forEach(([k, v]) => node.style.setProperty(k, v));
  else if (key === "value" || key === "checked" || key === "selected") node[key] = value;
  else node.setAttribute(key, value === true ? "" : value);
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    node.append(child);
  }
  return node;
}

export function fill(node, ...children) {
  node.replaceChildren();
  return append(node, children);
}

/** Make `parent` show `items` in order; a row is made anew only where its signature changed. */
export function reconcile(parent, items, make) {
  const before = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const signature = JSON.stringify(item.signature);
    let node = before.get(item.key);
    before.delete(item.key);
    if (!node || node.signature !== signature) {
      const fresh = make(item);
      fresh.dataset.key = item.key;
      fresh.signature = signature;
      if (node) {
        const refocus = focusKeeper(node);
        if (place === node) place = fresh;
        node.replaceWith(fresh);
        refocus(fresh);
      }
      node = fresh;
    }
    if (place === node) place = node.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  for (const node of before.values()) node.remove();
}

/** Keep a scrolled place at its end, whatever grows in it or around it, until somebody scrolls up. */
export function keepAtEnd(place) {
  const toEnd = () => place.isAtEnd && (place.scrollTop = place.scrollHeight);
  if (place.isKept) return;
  place.isKept = place.isAtEnd = true;
  place.addEventListener("scroll", () => {
    // a place that shrank is no longer at its end either, but nobody has scrolled up in it
    const isUp = place.scrollTop < place.lastTop;
    place.lastTop = place.scrollTop;
    const rest = place.scrollHeight - place.scrollTop - place.clientHeight;
    if (rest < 40) place.isAtEnd = true;
    else if (isUp) place.isAtEnd = false;
  });
  place.addEventListener("load", toEnd, true);
  new ResizeObserver(toEnd).observe(place);
}

/** Go to the end where that is wanted: always in a new place, else where the reader was there. */
export function settle(place, shownFor) {
  if (place.shownFor !== shownFor) place.isAtEnd = true;
  place.shownFor = shownFor;
  if (place.isAtEnd) place.scrollTop = place.scrollHeight;
}

/** Make anew what stands in `place`, only where `signature` changed; focus stays where it was. */
export function redraw(place, signature, make) {
  const wanted = JSON.stringify(signature);
  if (place.signature === wanted) return;
  place.signature = wanted;
  const refocus = focusKeeper(place);
  fill(place, make());
  refocus(place);
}

/** Remembers which control has the focus; gives it back to what stands there afterwards. */
function focusKeeper(place) {
  if (!place.contains(document.activeElement)) return () => {};
  const focused = focusable(place).indexOf(document.activeElement);
  const label = labelOf(document.activeElement);
  return (fresh) => {
    const controls = focusable(fresh);
    // a button that changed its name ("Pause", "Run") stands where it stood
    const next = controls.find((node) => labelOf(node) === label) || controls[focused];
    (next || fresh).focus({ preventScroll: true });
  };
}

const focusable = (place) => [...place.querySelectorAll("button, a, input, select, textarea")];
const labelOf = (node) => node.getAttribute("aria-label") || node.textContent;

const PATHS = {
  send: "M3 12 20 4l-5 16-4-7z M11 13l9-9",
  attach: "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.5 3.5 0 0 1 5 5l-8.5 8.5a2 2 0 0 1-3-3L14 7",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M8.5 14.5a4.5 4.5 0 0 0 7 0 M9 9.5v.2 M15 9.5v.2",
  reply: "M4 5h16v11H11l-5 4v-4H4z",
  edit: "M4 20l1-4L16 5l3 3L8 19z",
  bin: "M5 7h14 M9 7V4h6v3 M7 7l1 13h8l1-13",
  close: "M6 6l12 12 M18 6L6 18",
  back: "M15 5l-7 7 7 7",
  plus: "M12 5v14 M5 12h14",
  more: "M4.500 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0z M11 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0z M17.500 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0z",
  pause: "M9 6v12 M15 6v12",
  play: "M8 5l11 7-11 7z",
  lock: "M6 11h12v9H6z M9 11V8a3 3 0 0 1 6 0v3",
  file: "M6 3h8l4 4v14H6z M14 3v4h4",
  bell: "M6 17h12l-1.5-2V11a4.500 4.500 0 0 0-9 0v4z M10.500 20h3",
  eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12z M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  people:
    "M9 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z M2.500 20c.5-4 3-6 6.500-6s6 2 6.500 6 M16 4.800a3.500 3.500 0 0 1 0 6.400 M17.500 14.300c2.300.7 3.700 2.700 4 5.700",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M12 7v5l3.500 2",
  bolt: "M13 3L5 13.500h5.500L10 21l9-11h-6z",
  scan: "M4 8V4h4 M16 4h4v4 M20 16v4h-4 M8 20H4v-4 M4 12h16",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M9.500 9.500a2.500 2.500 0 1 1 3.500 2.300c-.7.300-1 .8-1 1.700 M12 16.800v.1",
  picture: "M4 5h16v14H4z M4 16l4.500-4.500 4 4L16 12l4 4 M15.500 9v.1",
  check: "M5 12.500l4.500 4.500L19 7",
  down: "M6 9l6 6 6-6",
  up: "M12 19V5 M6 11l6-6 6 6",
  chat: "M4 5h16v11H11l-5 4v-4H4z",
  auto: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M12 3v18 M12 7h5 M12 12h8.500 M12 17h5",
  sliders: "M4 7h9 M17 7h3 M15 5v4 M4 17h3 M11 17h9 M9 15v4",
  phone: "M8 3h8a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1z M11 18h2",
  menu: "M4 7h16 M4 12h16 M4 17h16",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M12 3v2 M12 19v2 M3 12h2 M19 12h2 M5.600 5.600l1.400 1.400 M17 17l1.400 1.400 M18.400 5.600L17 7 M7 17l-1.400 1.400",
  moon: "M19 14.500A7.500 7.500 0 0 1 9.500 5a7.500 7.500 0 1 0 9.500 9.500z",
};

/** A line drawing; it says nothing by itself, so its button needs a label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A word beside an icon, which says the same where there is no room for words. */
export const word = (text) => h("span.word", {}, text);

export function button(label, onclick, props = {}, ...children) {
  const shown = children.length ? children : [label];
  return h(
    "button",
    { type: "button", title: label, "aria-label": label, onclick, ...props },
    ...shown,
  );
}

/** Grow a textarea with what is in it. */
export function grow(area) {
  area.style.setProperty("height", "auto");
  area.style.setProperty("height", `${Math.min(area.scrollHeight, 180)}px`);
}

/** Something small that floats at `anchor` until a click elsewhere or Escape. */
export function popover(anchor, content, { above = false, right = false } = {}) {
  closePopovers();
  const node = h("div.popover", { role: "dialog" }, content);
  document.body.append(node);
  const at = anchor.getBoundingClientRect();
  const clear = (anchor.closest(".composer") || anchor).getBoundingClientRect(); // what is typed stays in sight
  const { offsetWidth: width, offsetHeight: height } = node;
  const left = right ? at.right - width : at.left;
  const fitsBelow = at.bottom + height + 8 < innerHeight;
  const top = above || !fitsBelow ? clear.top - height - 6 : at.bottom + 6;
  node.style.setProperty("left", `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`);
  node.style.setProperty("top", `${Math.max(8, top)}px`);
  node.anchor = anchor;
  node.addEventListener("keydown", moveInMenu);
  anchor.setAttribute("aria-expanded", "true");
  node
    .querySelector("input, [role^=menuitem], [role=switch], button")
    ?.focus({ preventScroll: true });
  requestAnimationFrame(() => addEventListener("pointerdown", closeOutside));
  return node;
}

function moveInMenu(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.target.matches("input")) return;
  const all = [...event.currentTarget.querySelectorAll("button")];
  const at = all.indexOf(document.activeElement);
  all[(at + step + all.length) % all.length]?.focus();
  event.preventDefault();
}

function closeOutside(event) {
  if (!event.target.closest(".popover")) closePopovers();
}

export function closePopovers() {
  removeEventListener("pointerdown", closeOutside);
  for (const node of document.querySelectorAll(".popover")) {
    const hadFocus = node.contains(document.activeElement);
    node.remove();
    node.anchor.setAttribute("aria-expanded", "false");
    if (hadFocus) node.anchor.focus({ preventScroll: true });
  }
}

/** A line at the bottom of the window that goes by itself. */
export function toast(text) {
  const node = h("div.toast", { role: "status" }, text);
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), 6000);
}
