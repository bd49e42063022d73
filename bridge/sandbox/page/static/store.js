// What the page knows: fetched over HTTP, asked for again whenever the server says it changed.

import { toast } from "./dom.js";

export const state = {
  screen: null, // Slack as the chosen person sees it
  phones: null,
  bridge: null,
  xray: null,
  faults: [],
  emoji: {},
  route: readRoute(),
};

const renderers = [];
let scheduled = false;

/** Call `render` after every change of what is known. */
export function onChange(render) {
  renderers.push(render);
}

export function changed() {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    renderers.forEach((render) => render());
  });
}

// Where we are: in the address, so that a reload shows the same.

function readRoute() {
  const given = new URLSearchParams(location.hash.slice(1));
  return {
    as: given.get("as") || "Bea",
    at: given.get("at") || "front-desk",
    thread: given.get("thread"),
    tab: given.get("tab"),
    phone: given.get("phone"),
    pane: given.get("pane") || "slack",
    xray: given.get("xray"),
  };
}

export function go(change) {
  Object.assign(state.route, change);
  const kept = Object.entries(state.route).filter(([, value]) => value);
  history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
  changed();
}

addEventListener("hashchange", () => {
  const before = state.route.as;
  state.route = readRoute();
  if (state.route.as !== before) refresh("slack");
  changed();
});

/** Be somebody else; an open thread stays open where that person is in its channel. */
export async function actAs(name) {
  go({ as: name });
  await refresh("slack");
  const { at, thread } = state.route;
  const channel = state.screen?.channels.find((each) => at === each.id || at === each.name);
  const isThere = channel?.is_member && channel.messages.some((each) => each.ts === thread);
  if (thread && !isThere) go({ thread: null });
}

// Asking and acting

export async function ask(path, options) {
  const response = await fetch(path, options);
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body?.refused || body?.error || `${path}: ${response.status}`);
  return body;
}

/** Do something; what is refused is shown and thrown. */
export async function act(path, body = {}, method = "POST") {
  try {
    return await ask(path, {
      method,
      headers: { "Content-Type": "application/json" },
      body: method === "DELETE" ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    toast(error.message);
    throw error;
  }
}

export const slackAct = (name, body) => act(`/slack/${name}`, { user: state.route.as, ...body });

/** As `act`, for where nothing else depends on it: a refusal has been shown already. */
export const quietly = (promise) => promise.catch(() => undefined);

const sources = {
  slack: async () =>
    (state.screen = await ask(`/slack/screen?user=${encodeURIComponent(state.route.as)}`)),
  phones: async () => (state.phones = await ask("/ringcentral/screen")),
};
const running = new Map();

/** Ask for one part anew; asked meanwhile, it is asked once more afterwards. */
export async function refresh(name) {
  if (running.has(name)) {
    running.set(name, true);
    return;
  }
  running.set(name, false);
  try {
    await sources[name]();
    changed();
  } catch (error) {
    console.warn(name, error.message);
  } finally {
    const isAskedAgain = running.get(name);
    running.delete(name);
    if (isAskedAgain) await refresh(name);
  }
}

// Being told

const RETRY_MS = 2000;
let stream = null;
let isXrayed = false;

export function listen() {
  const wanted = Boolean(state.route.xray);
  if (stream && wanted === isXrayed) return;
  stream?.close();
  isXrayed = wanted;
  stream = new EventSource(wanted ? "/events?xray=1" : "/events");
  const on = (name, receive) =>
    stream.addEventListener(name, (event) => receive(JSON.parse(event.data)));
  on("slack", () => refresh("slack"));
  on("phones", () => refresh("phones"));
  on("bridge", (told) => ((state.bridge = told), changed()));
  on("faults", (told) => ((state.faults = told), changed()));
  on("xray", (told) => ((state.xray = told), changed()));
  // what was missed while nobody was connected is told by the first events of each kind
  stream.onopen = () => setConnected(true);
  stream.onerror = () => {
    setConnected(false);
    if (stream.readyState === EventSource.CLOSED) setTimeout(reopen, RETRY_MS); // refused for good
  };
}

function reopen() {
  stream = null;
  listen();
}

function setConnected(isConnected) {
  document.getElementById("lost").hidden = isConnected;
}

export async function begin() {
  state.emoji = await ask("/emoji").catch(() => ({}));
  state.bridge = await ask("/bridge");
  listen();
  await Promise.all([refresh("slack"), refresh("phones")]);
}

// Who is who

export const person = (id) => state.screen.people.find((each) => each.id === id);
export const me = () => person(state.screen.me);

export function channelAt(at) {
  const channels = state.screen.channels;
  return (
    channels.find((each) => each.id === at || each.name === at) ||
    channels.find((each) => each.is_member)
  );
}

/** The name of a channel as its reader sees it: a direct one is called after the other person. */
export function channelName(channel) {
  if (channel.kind !== "im") return channel.name;
  const other = channel.members.find((id) => id !== state.screen.me) || channel.members[0];
  return person(other)?.real_name || person(other)?.name || "Direct message";
}

export function nameOf(id) {
  const found = person(id);
  if (found) return found.name;
  const channel = state.screen.channels.find((each) => each.id === id);
  if (channel) return channelName(channel);
  return state.screen.usergroups.find((each) => each.usergroup_id === id)?.handle || id;
}

/** Product time in milliseconds, as the control bar shows it. */
export function now() {
  const clock = state.bridge?.clock;
  if (!clock) return Date.now();
  return clock.paused_at ? Date.parse(clock.paused_at) : Date.now() + clock.offset_seconds * 1000;
}

// Small things remembered by this browser alone

const cache = new Map();
addEventListener("storage", () => cache.clear()); // written by another window

const nameOfKey = (key) => `${state.bridge?.id || ""}:${key}`;

export function remember(key, value) {
  cache.set(nameOfKey(key), value);
  localStorage.setItem(nameOfKey(key), JSON.stringify(value));
}

export function remembered(key, otherwise) {
  const name = nameOfKey(key);
  if (!cache.has(name)) {
    const kept = localStorage.getItem(name);
    cache.set(name, kept === null ? undefined : JSON.parse(kept));
  }
  const value = cache.get(name);
  return value === undefined ? otherwise : value;
}
