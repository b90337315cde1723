// Words for states, events and languages.

export const STATES = {
  starting: "Starting",
  idle: "Ready",
  follow_up: "Go on",
  listening: "Listening",
  thinking: "Translating",
  speaking: "Speaking",
  offline: "Cloud not reached",
  fault: "Needs attention",
};

// A language in its own words: English, 中文, العربية.
export function named(code) {
  try {
    const name = new Intl.DisplayNames([code], { type: "language", fallback: "none" }).of(code)
      || new Intl.DisplayNames(["en"], { type: "language" }).of(code);
    return name.charAt(0).toLocaleUpperCase(code) + name.slice(1);
  } catch {
    return code; // a code the browser does not know
  }
}

// An event as one line: its name and what belongs to it.
export function news({ event, time, ...detail }) {
  const rest = Object.entries(detail).map(([key, value]) => `${key.replaceAll("_", " ")} ${value}`);
  return [event.replaceAll("_", " "), rest.join(", ")].filter(Boolean).join(": ");
}

export function clock(time) {
  if (!time) return "–"; // the device's clock is not set
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
