// What changes the device: languages, mute, speech, volume.

import { named } from "./words.js";

const STEP = 5; // percent of volume a key press
const PAUSE = 120; // ms between two volumes while the slider moves

const byId = (id) => document.getElementById(id);

export class Controls {
  constructor(command) {
    this.command = command;
    this.state = {};
    this.offered = { source: [], target: [] };
    this.source = byId("source");
    this.target = byId("target");
    this.source.onchange = () => command({ source: this.source.value });
    this.target.onchange = () => command({ target: this.target.value });
    byId("swap").onclick = () => this.swap();
    byId("mute").onclick = () => this.mute();
    byId("speech").onclick = () => this.speech();
    this.sliders = [...document.querySelectorAll("[data-volume]")];
    for (const slider of this.sliders) slider.oninput = () => this.slide(Number(slider.value));
  }

  mute() {
    this.command({ mute: !this.state.muted });
  }

  speech() {
    this.command({ tts: !this.state.tts });
  }

  swap() {
    const [source, target] = [this.source.value, this.target.value]; // as they are shown
    if (target) this.command({ source: target, target: source });
  }

  louder(sign) {
    this.volume = Math.max(0, Math.min(100, (this.volume ?? 50) + sign * STEP));
    this.command({ volume: this.volume });
  }

  // Not every pixel of a slider is a command, but the last one is.
  slide(volume) {
    this.volume = volume;
    this.showVolume();
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.command({ volume: this.volume });
      this.settled = performance.now() + 2 * PAUSE;
    }, PAUSE);
  }

  languages(offered) {
    this.offered = offered;
    this.show(this.state);
  }

  show(state) {
    this.state = state;
    const { source, target } = this.offered;
    fill(this.source, source, state.source);
    fill(this.target, target, state.target);
    document.querySelector(".pair").classList.toggle("single", target.length === 0);
    byId("swap").disabled = !state.target;
    button(byId("mute"), state.muted, state.muted ? "Muted" : "Mute", state.muted ? "#i-mic-off" : "#i-mic");
    button(byId("speech"), state.tts, state.tts ? "Speech on" : "Speech off", state.tts ? "#i-voice" : "#i-voice-off");
  }

  // What the device says, unless somebody is moving the slider.
  heard(volume) {
    if (this.timer || performance.now() < this.settled || volume === this.volume) return;
    this.volume = volume;
    this.showVolume();
  }

  showVolume() {
    for (const slider of this.sliders) if (slider.valueAsNumber !== this.volume) slider.value = this.volume;
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
