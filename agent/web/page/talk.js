// The talk button: held or tapped, with finger, mouse, keyboard or a screen reader.

import { named } from "./words.js";

export class Talk {
  constructor(send) {
    this.send = send;
    this.place = document.getElementById("talks");
    this.row = document.getElementById("talk-row");
    this.gauge = document.getElementById("gauge");
    this.buttons = [];
    this.style = "hold"; // what the user prefers, where the device can do both
    this.held = null;
    this.state = {};
    // Whatever takes the button out of somebody's hand lets go of it.
    addEventListener("blur", () => this.release());
    addEventListener("pagehide", () => this.release());
    document.addEventListener("visibilitychange", () => document.hidden && this.release());
  }

  // `mode` is the device's talk mode; with several `buttons` each has its languages.
  configure(mode, buttons) {
    const made = JSON.stringify([mode, buttons]);
    if (made === this.made) return; // connected anew: the focus stays where it is
    this.made = made;
    this.mode = mode;
    this.row.hidden = mode !== "hold";
    this.pairs = buttons.length > 1 ? buttons : [buttons[0] || {}];
    this.numbered = buttons.length > 0;
    this.place.replaceChildren();
    this.place.closest(".controls").classList.toggle("two", this.pairs.length > 1);
    this.largest(this.how === "interrupt");
    this.buttons = this.pairs.map((_, n) => this.button(n));
    this.show(this.state);
  }

  // Where nobody has to press anything, state and level are the largest, and the button is there
  // only while there is a voice to be stopped.
  largest(state) {
    const word = document.getElementById("state");
    const meter = document.getElementById("meter");
    this.gauge.hidden = !state;
    this.place.closest(".controls").classList.toggle("ever", state);
    if (state) this.gauge.append(word, meter);
    else {
      document.querySelector(".top").prepend(word);
      document.querySelector(".controls").prepend(meter);
    }
  }

  get how() {
    if (this.mode === "hold") return this.style;
    return ["toggle", "wake"].includes(this.mode) ? "tap" : "interrupt";
  }

  button(n) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "talk";
    button.append(document.createElement("span"));
    button.onpointerdown = (event) => {
      if (event.button !== 0 || this.how !== "hold") return;
      button.setPointerCapture(event.pointerId);
      this.press(n);
    };
    button.onpointerup = button.onpointercancel = button.onlostpointercapture = () => this.release();
    button.oncontextmenu = (event) => event.preventDefault(); // a long press is a press
    // A click that no pointer made comes from a screen reader, which cannot hold.
    button.onclick = (event) => (this.how !== "hold" || event.detail === 0) && this.toggle(n);
    button.onkeydown = (event) => {
      if (event.key === "Enter") this.key(event, true, n);
    };
    button.onkeyup = (event) => {
      if (event.key === "Enter") this.key(event, false, n);
    };
    this.place.append(button);
    return button;
  }

  // A key of button `n` went down or up.
  key(event, down, n = 0) {
    event.preventDefault();
    if (event.repeat) return;
    if (this.how !== "hold") down && this.toggle(n);
    else if (down) this.press(n);
    else this.release();
  }

  get ready() {
    return this.connected && !this.state.muted;
  }

  press(n) {
    if (this.held !== null || !this.ready || !this.buttons[n]) return;
    this.held = n;
    this.send({ talk: "press", ...this.number(n) });
    this.show(this.state);
  }

  release() {
    if (this.held === null) return;
    this.send({ talk: "release", ...this.number(this.held) });
    this.held = null;
    this.show(this.state);
  }

  toggle(n) {
    if (!this.ready || !this.buttons[n]) return;
    this.send({ talk: "toggle", ...this.number(n) });
  }

  number(n) {
    return this.numbered ? { button: n + 1 } : {};
  }

  show(state, connected = this.connected) {
    this.state = state;
    this.connected = connected;
    if (!this.ready) this.release(); // it arrives late or not at all, and then the device lets go
    const open = state.state === "listening";
    this.buttons.forEach((button, n) => {
      const down = this.held === n;
      button.setAttribute("aria-disabled", String(!this.ready)); // not disabled: that would lose the focus
      button.classList.toggle("down", down);
      button.classList.toggle("on", open && (this.held === null || down));
      button.hidden = this.how === "interrupt" && state.state !== "speaking";
      button.setAttribute("aria-pressed", String(open));
      this.label(button, n, down, open);
    });
  }

  // What to do; with several buttons, whose it is before that.
  label(button, n, down, open) {
    const { source, target } = this.pairs[n];
    const whose = this.pairs.length > 1 && source ? [named(source), target && named(target)].filter(Boolean).join(" → ") : "";
    const words = this.words(down, open && (this.held === null || down));
    const lines = [whose, words].filter(Boolean);
    if (button.dataset.lines === lines.join()) return;
    button.dataset.lines = lines.join();
    button.firstElementChild.replaceChildren(...lines.map((text, at) => {
      const line = document.createElement(at ? "small" : "span");
      line.textContent = text;
      return line;
    }));
  }

  words(down, open) {
    if (!this.connected) return "Not connected";
    if (this.state.muted) return "Microphone muted";
    if (this.how === "interrupt") return "Stop the voice";
    if (this.how === "tap") return open ? "Tap to stop" : "Tap to talk";
    return down ? "Release to send" : open ? "Listening" : "Hold to talk";
  }

  level(share) {
    for (const button of this.buttons) button.style.setProperty("--level", share.toFixed(2));
  }
}
