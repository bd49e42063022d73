// Light, dark, or as the system has it; kept by this browser for every sandbox.

const THEMES = ["auto", "light", "dark"];

export const theme = () => localStorage.getItem("theme") || "auto";

export function applyTheme() {
  if (theme() === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme();
}

export function nextTheme() {
  localStorage.setItem("theme", THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
  applyTheme();
}
