// What changes the device: languages, mute, speech, volume.

import { named } from "./words.js";

const STEP = 5; // percent of volume a key press
const PAUSE = 120; // ms between two volumes while the slider moves

const byId = (id) => document.getElementById(id);

export class Controls {
  constructor(command) {
    this.command = command;
    this.state = {};
    this.wanted = {}; // of the state: what was asked for and has not come yet
    this.told = 0; // volumes that are not answered yet
    this.offered = { source: [], target: [], speech: true };
    this.source = byId("source");
    this.target = byId("target");
    this.source.onchange = () => this.choose({ source: this.source.value });
    this.target.onchange = () => this.choose({ target: this.target.value });
    byId("swap").onclick = () => this.swap();
    byId("mute").onclick = () => this.mute();
    byId("speech").onclick = () => this.speech();
    this.sliders = [...document.querySelectorAll("[data-volume]")];
    for (const slider of this.sliders) slider.oninput = () => this.slide(Number(slider.value));
  }

  mute() {
    this.flip("muted", "mute");
  }

  speech() {
    if (this.offered.speech) this.flip("tts", "tts");
  }

  // Pressed twice at once, it is as it was: the second press does not wait for the state.
  flip(key, command) {
    if (!this.connected) return;
    this.wanted[key] = !{ ...this.state, ...this.wanted }[key];
    this.command({ [command]: this.wanted[key] }, ({ ok }) => ok || delete this.wanted[key]);
  }

  swap() {
    const [source, target] = [this.source.value, this.target.value]; // as they are shown
    if (target) this.choose({ source: target, target: source });
  }

  // Shown from now on: until it is answered, what the device says of it is old.
  choose(languages) {
    Object.assign(this.wanted, languages);
    this.show(this.state, this.connected);
    this.command(languages, ({ ok }) => {
      for (const key of Object.keys(languages)) if (this.wanted[key] === languages[key]) delete this.wanted[key];
      if (!ok) this.show(this.state, this.connected);
    });
  }

  louder(sign) {
    if (!this.connected) return;
    this.volume = Math.max(0, Math.min(100, (this.volume ?? 50) + sign * STEP));
    this.showVolume();
    this.tell();
  }

  // Until the device has taken it, what it says of the volume is old.
  tell() {
    this.told += 1;
    this.command({ volume: this.volume }, () => { this.told = Math.max(0, this.told - 1); });
  }

  // Not every pixel of a slider is a command, but the last one is.
  slide(volume) {
    this.volume = volume;
    this.showVolume();
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.tell();
    }, PAUSE);
  }

  // Connected anew: what was not answered is never answered.
  reset() {
    this.told = 0;
    this.wanted = {};
  }

  languages(offered) {
    this.offered = offered;
    this.show(this.state, this.connected);
  }

  show(state, connected) {
    this.state = state;
    this.connected = connected;
    for (const key of Object.keys(this.wanted)) if (this.wanted[key] === state[key]) delete this.wanted[key];
    if (!connected) this.reset();
    this.heard(state.volume);
    const { source, target } = this.offered;
    fill(this.source, source, this.wanted.source ?? state.source);
    fill(this.target, target, this.wanted.target ?? state.target);
    document.querySelector(".pair").classList.toggle("single", target.length === 0);
    for (const each of [this.source, this.target, byId("mute"), byId("speech"), ...this.sliders]) each.disabled = !connected;
    byId("swap").disabled = !connected || !state.target;
    byId("speech").hidden = !this.offered.speech;
    button(byId("mute"), state.muted, state.muted ? "Muted" : "Mute", state.muted ? "#i-mic-off" : "#i-mic");
    button(byId("speech"), state.tts, state.tts ? "Speech on" : "Speech off", state.tts ? "#i-voice" : "#i-voice-off");
  }

  // What the device says, unless somebody is moving the slider.
  heard(volume) {
    if (this.timer || this.told > 0 || volume === undefined || volume === this.volume) return;
    this.volume = volume;
    this.showVolume();
  }

  showVolume() {
    for (const slider of this.sliders) {
      if (slider.valueAsNumber !== this.volume) slider.value = this.volume;
      slider.style.setProperty("--share", `${this.volume}%`);
    }
  }
}

function fill(select, codes, chosen) {
  const wanted = chosen && !codes.includes(chosen) ? [...codes, chosen] : codes;
  if (select.dataset.codes !== wanted.join()) {
    select.dataset.codes = wanted.join();
    const options = wanted.map((code) => ({ code, name: named(code) })).sort((a, b) => a.name.localeCompare(b.name));
    select.replaceChildren(...options.map(({ code, name }) => {
      const option = new Option(name, code);
      option.lang = code;
      return option;
    }));
  }
  select.value = chosen ?? "";
}

function button(element, pressed, words, icon) {
  element.setAttribute("aria-pressed", String(Boolean(pressed)));
  element.lastElementChild.textContent = words;
  element.querySelector("use").setAttribute("href", icon);
}
