// What was done on this page, told to whoever listens: the guide ticks its steps off by it.

const listeners = [];

export const onNoticed = (listener) => listeners.push(listener);
export const noticed = (what) => listeners.forEach((listener) => listener(what));
