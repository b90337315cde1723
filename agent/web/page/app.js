// The caption screen: what the device says goes to the parts of the page, and keys to the device.

import { Captions } from "./captions.js";
import { Controls } from "./controls.js";
import { Display, kept } from "./display.js";
import { Link } from "./link.js";
import { Plots } from "./plots.js";
import { Sessions } from "./session.js";
import { Talk } from "./talk.js";
import { STATES, clock, news } from "./words.js";

const FLOOR = -60; // dBFS at which the meter is empty
const EVENTS = 12;
const TOAST = 6000; // ms

const byId = (id) => document.getElementById(id);
const captions = new Captions();
const plots = new Plots();
const display = new Display(() => captions.pinned && captions.jump());
const command = (fields, done) => link.ask(fields, (_, answer) => {
  done?.(answer);
  if (!answer.ok) toast(answer.error);
});
const talk = new Talk(command);
const controls = new Controls(command);
let state = { state: "starting" };
let greeted = false;

const receive = {
  hello({ device, version, mode, buttons, sessions: known }) {
    document.title = `${device} · dragoman`;
    sessions.device = device;
    byId("device").textContent = device;
    byId("about").textContent = `dragoman ${version}`;
    greeted = true;
    link.idle = false;
    controls.reset();
    talk.configure(mode, buttons);
    sessions.reset(known);
    byId("hint").textContent = hints[mode];
    if (byId("password").open) byId("password").close();
  },
  languages: (offered) => controls.languages(offered),
  state(now) {
    state = now;
    show();
  },
  history(said) {
    for (const transcript of said) {
      sessions.remember(transcript);
      captions.put(transcript, false);
    }
  },
  transcript(transcript) {
    captions.put(transcript);
    sessions.heard(transcript);
  },
  event(event) {
    if (event.event === "button") return; // somebody talks: the state says so
    const line = document.createElement("li");
    const time = line.appendChild(document.createElement("time"));
    time.dateTime = event.time;
    time.textContent = clock(event.time);
    line.append(news(event));
    byId("events").prepend(line);
    while (byId("events").childElementCount > EVENTS) byId("events").lastElementChild.remove();
  },
  telemetry: (now) => plots.add(now),
  meter({ level_dbfs: level, voiced }) {
    const share = Math.max(0, Math.min(1, 1 - (level ?? FLOOR) / FLOOR));
    const meter = byId("meter");
    meter.firstElementChild.style.transform = `scaleX(${share.toFixed(3)})`;
    meter.setAttribute("aria-valuenow", Math.round(Math.max(FLOOR, level ?? FLOOR)));
    meter.classList.toggle("voiced", voiced);
    talk.level(voiced ? share : 0);
  },
  summary: (answer) => sessions.summarized(answer),
  result: (answer) => answer.ok || toast(answer.error),
  download() {},
  password: askPassword,
};

const hints = {
  hold: "Hold the button or the space bar, and speak.",
  toggle: "Tap the button or press the space bar, and speak.",
  open: "Just speak.",
  vad: "Just speak.",
  wake: "Say the wake word, or tap the button, and speak.",
};

const link = new Link((kind, value) => receive[kind]?.(value), lost);
const sessions = new Sessions(link, toast);
display.choice("talk-choice", "talk", "hold", (value) => { talk.style = value; talk.show(state); });

function show() {
  const connected = greeted && !link.isLost;
  byId("state").dataset.state = connected ? state.state : "offline";
  const shown = state.state === "idle" && state.follow_up ? "follow_up" : state.state;
  const words = connected ? STATES[shown] || shown : "Not connected";
  if (byId("state-word").textContent !== words) byId("state-word").textContent = words;
  controls.show(state, connected);
  talk.show(state, connected);
  sessions.show(connected);
}

// Nothing heard for `seconds`; null: all is well.
function lost(seconds, reason) {
  const banner = byId("stale");
  const words = greeted ? "Connection to the device lost" : "The device cannot be reached";
  document.body.classList.toggle("stopped", seconds !== null);
  if (seconds !== null) {
    const full = `${words}${reason ? ` (${reason})` : ""}`;
    banner.hidden = false;
    if (byId("stale-words").textContent !== full) byId("stale-words").textContent = full;
    byId("stale-since").textContent = `– last heard ${ago(seconds)} ago, retrying`;
  } else {
    banner.hidden = true;
    byId("stale-words").textContent = "";
  }
  show();
}

function ago(seconds) {
  const whole = Math.floor(seconds);
  return whole < 120 ? `${whole} s` : `${Math.floor(whole / 60)} min`;
}

function toast(words) {
  const line = document.createElement("p");
  line.textContent = words;
  byId("toasts").replaceChildren(line);
  setTimeout(() => line.remove(), TOAST);
}

// --- the password ---

function askPassword(what) {
  link.idle = true;
  const given = what === "wanted" && (sessionPassword || kept.get("password"));
  if (given) {
    link.send({ password: given });
    return;
  }
  byId("password-wrong").textContent = what === "wrong" ? "That is not the password." : "";
  if (what === "wrong") {
    sessionPassword = "";
    kept.set("password", "");
  }
  if (!byId("password").open) byId("password").showModal();
  byId("password-text").focus();
}

let sessionPassword = "";

byId("password-form").onsubmit = (event) => {
  event.preventDefault();
  sessionPassword = byId("password-text").value;
  kept.set("password", byId("password-keep").checked ? sessionPassword : "");
  byId("password-text").value = "";
  byId("password-wrong").textContent = "Checking …"; // who has guessed wrong before waits
  link.send({ password: sessionPassword });
};
byId("password").oncancel = (event) => event.preventDefault(); // nothing to see behind it

// --- keys ---

const keys = {
  t: () => controls.speech(),
  m: () => controls.mute(),
  "+": () => controls.louder(1),
  "-": () => controls.louder(-1),
  A: () => display.scale(1),
  a: () => display.scale(-1),
  l: () => display.lines(),
  d: () => display.flip(),
  f: () => display.full(),
  p: () => display.panel(),
  k: () => { location.hash = location.hash === "#kiosk" ? "" : "#kiosk"; },
  Escape: () => (location.hash ? (location.hash = "") : display.closePanel()),
};

const talkKeys = { " ": 0, 1: 0, 2: 1 };
const TAKES_KEYS = "input:not([type=range]), select, dialog";

function forTalking(event) {
  const place = event.target.closest?.("input, select, dialog, a, button");
  return event.key in talkKeys && (!place || place.classList.contains("talk"));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (forTalking(event)) talk.key(event, true, talkKeys[event.key]);
  else if (!event.repeat && !event.target.closest?.(TAKES_KEYS)) keys[event.key]?.();
});
document.addEventListener("keyup", (event) => {
  if (forTalking(event)) talk.key(event, false);
  else if (event.key in talkKeys) talk.release(); // pressed elsewhere
});
