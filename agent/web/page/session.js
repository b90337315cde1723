// The conversations: choose one, download it, have it summarized.

import { written } from "./export.js";
import { clock } from "./words.js";

const HELD = 2000; // finals the page holds itself

const byId = (id) => document.getElementById(id);

export class Sessions {
  constructor(link, tell) {
    this.link = link;
    this.tell = tell;
    this.device = "dragoman";
    this.known = new Map(); // session: {time, sentences}, as the device has it
    this.held = new Map(); // id: final
    this.select = byId("session");
    this.select.onchange = () => {
      this.chosen = this.select.value;
      byId("summary").textContent = "";
      this.show();
    };
    for (const button of document.querySelectorAll("[data-download]")) button.onclick = () => this.download(button.dataset.download);
    byId("summarize").onclick = () => this.summarize();
    this.show();
  }

  // The list as the device has it; what was said in it before is in its counts.
  reset(sessions) {
    this.known = new Map(sessions.map(({ session, time, sentences }) => [session, { time, sentences }]));
    this.show();
  }

  heard(transcript) {
    const { id, session, time, final } = transcript;
    if (!final || this.held.has(id)) return;
    this.remember(transcript);
    const known = this.known.get(session) || { time, sentences: 0 };
    known.sentences += 1;
    this.known.set(session, known);
    this.show();
  }

  // Finals of the history are counted already.
  remember(transcript) {
    if (!transcript.final) return;
    this.held.set(transcript.id, transcript);
    if (this.held.size > HELD) this.held.delete(this.held.keys().next().value);
  }

  // What the page itself has of a conversation.
  own(session) {
    return [...this.held.values()].filter((each) => each.session === session);
  }

  // All there are, the newest last: first those the device has forgotten, as it was started anew.
  get all() {
    const all = new Map();
    for (const { session, time } of this.held.values()) {
      if (this.known.has(session)) continue;
      const found = all.get(session) || { time, sentences: 0 };
      found.sentences += 1;
      all.set(session, found);
    }
    for (const [session, known] of this.known) all.set(session, known);
    return all;
  }

  show(connected = this.connected) {
    this.connected = connected;
    const all = this.all;
    const wanted = [...all.keys()].reverse();
    const current = all.has(this.chosen) ? this.chosen : wanted[0];
    if (this.select.dataset.known !== wanted.join()) { // an open list is not pulled away
      this.select.dataset.known = wanted.join();
      this.select.replaceChildren(...(current ? wanted : [""]).map((session) => new Option("None yet", session)));
      this.select.value = current ?? "";
    }
    for (const option of this.select.options) {
      const { time, sentences } = all.get(option.value) || {};
      if (time) option.text = `${clock(time)} · ${sentences} ${sentences === 1 ? "sentence" : "sentences"}`;
    }
    const there = Boolean(connected && this.known.has(current));
    const here = there || this.own(current).length > 0;
    for (const button of document.querySelectorAll("[data-download]")) button.disabled = !here;
    byId("summarize").disabled = !there;
  }

  // Of the device, which has it whole; else of what stands here.
  download(format) {
    const session = this.select.value;
    if (!this.connected || !this.known.has(session)) {
      this.write(format, session);
      return;
    }
    this.link.ask({ download: format, session }, (kind, answer) => {
      if (kind === "download") save(answer.name, answer.text);
      else if (this.own(session).length) this.write(format, session);
      else this.tell(answer.error);
    });
  }

  write(format, session) {
    save(`${this.device}-${session}.${format}`, written(format, this.own(session)));
  }

  summarize() {
    const place = byId("summary");
    place.textContent = "Asking for a summary …";
    const session = this.select.value;
    this.ref = this.link.ask({ summarize: session }, (kind, answer) => {
      if (!answer.ok) place.textContent = answer.error;
    });
  }

  summarized({ ref, summary, error }) {
    if (ref === this.ref) byId("summary").textContent = summary || error;
  }
}

function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
