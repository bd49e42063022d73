// What was typed and not yet sent, per place; it outlives a reload of the page.

const kept = JSON.parse(sessionStorage.getItem("drafts") || "{}");

export const draft = (key) => kept[key] || "";

export function keepDraft(key, text) {
  if (text) kept[key] = text;
  else delete kept[key];
  sessionStorage.setItem("drafts", JSON.stringify(kept));
}
