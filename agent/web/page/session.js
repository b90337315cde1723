// The conversations the device remembers: choose one, download it, have it summarized.

import { clock } from "./words.js";

const byId = (id) => document.getElementById(id);

export class Sessions {
  constructor(link, tell) {
    this.link = link;
    this.tell = tell;
    this.known = new Map(); // session: {time, sentences}
    this.seen = new Set(); // ids of finals
    this.select = byId("session");
    this.select.onchange = () => { this.chosen = this.select.value; byId("summary").textContent = ""; };
    for (const button of document.querySelectorAll("[data-download]")) button.onclick = () => this.download(button.dataset.download);
    byId("summarize").onclick = () => this.summarize();
    this.show();
  }

  // The list as the device has it; what was said in it before is in its counts.
  reset(sessions) {
    this.known = new Map(sessions.map(({ session, time, sentences }) => [session, { time, sentences }]));
    this.show();
  }

  heard({ id, session, time, final }) {
    if (!final || this.seen.has(id)) return;
    this.remember(id);
    const known = this.known.get(session) || { time, sentences: 0 };
    known.sentences += 1;
    this.known.set(session, known);
    this.show();
  }

  // Finals of the history are counted already.
  remember(id) {
    this.seen.add(id);
    if (this.seen.size > 2000) this.seen.delete(this.seen.values().next().value);
  }

  show() {
    const newest = [...this.known.keys()].at(-1);
    const current = this.known.has(this.chosen) ? this.chosen : newest;
    const wanted = [...this.known.keys()].reverse();
    if (this.select.dataset.known !== wanted.join()) { // an open list is not pulled away
      this.select.dataset.known = wanted.join();
      this.select.replaceChildren(...(current ? wanted : [""]).map((session) => new Option("None yet", session)));
      this.select.value = current ?? "";
    }
    for (const option of this.select.options) {
      const { time, sentences } = this.known.get(option.value) || {};
      if (time) option.text = `${clock(time)} · ${sentences} ${sentences === 1 ? "sentence" : "sentences"}`;
    }
    for (const button of document.querySelectorAll("[data-download], #summarize")) button.disabled = !current;
  }

  download(format) {
    this.link.ask({ download: format, session: this.select.value }, (kind, answer) => {
      if (kind === "download") save(answer.name, answer.text);
      else this.tell(answer.error);
    });
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
