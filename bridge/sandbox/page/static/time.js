// Times as people read them, in the reader's own zone, seen from product time.

import { now } from "./store.js";

const format = (at, options) => new Intl.DateTimeFormat("en-US", options).format(at);
const TIME = { hour: "numeric", minute: "2-digit" };

export const ofTs = (ts) => new Date(parseFloat(ts) * 1000);
export const clockTime = (at) => format(at, TIME);

export function dayKey(at) {
  return `${at.getFullYear()}-${at.getMonth()}-${at.getDate()}`;
}

function daysAgo(at) {
  const midnight = (moment) => new Date(moment).setHours(0, 0, 0, 0);
  return Math.round((midnight(now()) - midnight(at)) / 86_400_000);
}

const RELATIVE = { 0: "today", 1: "yesterday", "-1": "tomorrow" };
const capital = (text) => text[0].toUpperCase() + text.slice(1);

export function dayName(at) {
  const name = RELATIVE[daysAgo(at)];
  return name ? capital(name) : format(at, { weekday: "long", month: "long", day: "numeric" });
}

/** As `dayName`, where there is little room. */
export function shortDay(at) {
  const name = RELATIVE[daysAgo(at)];
  return name ? capital(name) : format(at, { month: "short", day: "numeric" });
}

export function fullTime(at) {
  return format(at, {
    weekday: "short",
    month: "short",
    day: "numeric",
    ...TIME,
    second: "2-digit",
  });
}

export function ago(at) {
  const minutes = Math.max(0, Math.round((now() - at) / 60_000));
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} minute${minutes === 1 ? "" : "s"} ago`;
  const name = RELATIVE[daysAgo(at)];
  return name
    ? `${name} at ${clockTime(at)}`
    : format(at, { month: "short", day: "numeric", ...TIME });
}

/** Slack's `<!date^seconds^pattern|fallback>`. */
export function slackDate(seconds, pattern, fallback) {
  const at = new Date(seconds * 1000);
  if (Number.isNaN(at.getTime())) return fallback;
  const short = { month: "short", day: "numeric", year: "numeric" };
  const long = { weekday: "long", month: "long", day: "numeric", year: "numeric" };
  const date = { month: "long", day: "numeric", year: "numeric" };
  const pretty = (options) => RELATIVE[daysAgo(at)] || format(at, options);
  const parts = {
    date_num: () => at.toISOString().slice(0, 10),
    date: () => format(at, date),
    date_short: () => format(at, short),
    date_long: () => format(at, long),
    date_pretty: () => pretty(date),
    date_short_pretty: () => pretty(short),
    date_long_pretty: () => pretty(long),
    time: () => clockTime(at),
    time_secs: () => format(at, { ...TIME, second: "2-digit" }),
    ago: () => ago(at),
  };
  const written = pattern.replace(/\{(\w+)\}/g, (all, name) => (parts[name] ? parts[name]() : all));
  return pattern.startsWith("{") ? capital(written) : written;
}
