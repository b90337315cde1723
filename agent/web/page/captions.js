// The captions: each grows in its place and settles; the newest is at the bottom.

const KEPT = 150; // captions on the page
const NEAR = 60; // px from the bottom that still count as being there
const SPOKEN = 3; // captions a screen reader has before it

const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Captions {
  constructor() {
    this.scroller = document.getElementById("captions");
    this.list = document.getElementById("lines");
    this.latest = document.getElementById("latest");
    this.spoken = document.getElementById("spoken");
    this.empty = document.getElementById("empty");
    this.shown = new Map(); // id: caption
    this.news = new Map(); // id: transcript, until the next frame
    this.pinned = true;
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.latest.onclick = () => this.toBottom();
    new ResizeObserver(() => this.pinned && this.jump()).observe(this.scroller);
  }

  // Many messages may come in one frame; the page is changed once.
  put(transcript, aloud = true) {
    const waiting = this.news.get(transcript.id);
    if (waiting?.final && !transcript.final) return;
    this.news.set(transcript.id, transcript);
    if (this.news.size > KEPT) this.news.delete(this.news.keys().next().value); // a page nobody looks at
    if (transcript.final && aloud) this.say(transcript);
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = null;
    const before = this.list.offsetHeight;
    for (const transcript of this.news.values()) this.drawOne(transcript);
    this.news.clear();
    this.trim();
    this.empty.hidden = this.shown.size > 0;
    const grown = this.list.offsetHeight - before;
    if (this.pinned) this.roll(grown);
    else this.latest.hidden = false;
  }

  drawOne(transcript) {
    let caption = this.shown.get(transcript.id);
    if (caption?.final && !transcript.final) return; // late; it has settled
    if (!caption) {
      caption = new Caption(transcript);
      this.shown.set(transcript.id, caption);
      this.list.append(caption.element);
    }
    caption.show(transcript);
  }

  trim() {
    const most = this.pinned ? KEPT : 2 * KEPT; // not under the eyes of somebody who reads back
    for (const [id, caption] of this.shown) {
      if (this.shown.size <= most) break;
      caption.element.remove();
      this.shown.delete(id);
    }
  }

  // --- scrolling ---

  // Glide up by what was added instead of jumping, so that the eye keeps its place.
  roll(grown) {
    this.jump();
    if (grown <= 0 || grown > this.scroller.clientHeight || still.matches) return;
    this.rolling = this.list.animate(
      [{ transform: `translateY(${grown}px)` }, { transform: "none" }],
      { duration: 160, easing: "cubic-bezier(0.2, 0, 0, 1)", composite: "add" },
    );
  }

  jump() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  toBottom() {
    this.pinned = true;
    this.latest.hidden = true;
    this.jump();
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.pinned = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.pinned) this.latest.hidden = true;
  }

  // --- screen readers: finished captions only ---

  say(transcript) {
    const text = transcript.translation || transcript.text;
    if (!text) return;
    const line = document.createElement("p");
    line.lang = (transcript.translation && transcript.target) || transcript.source;
    line.textContent = text;
    this.spoken.append(line);
    while (this.spoken.childElementCount > SPOKEN) this.spoken.firstElementChild.remove();
  }
}

class Caption {
  constructor(transcript) {
    this.element = document.createElement("li");
    this.element.className = "caption";
    this.element.dataset.id = transcript.id;
    this.original = this.line("original");
    this.translation = this.line("translation");
    this.others = [];
    this.final = false;
  }

  line(kind) {
    const line = document.createElement("p");
    line.className = kind;
    line.dir = "auto";
    this.element.append(line);
    return line;
  }

  show(transcript) {
    const { text, translation, source, target, final } = transcript;
    this.final = final;
    this.element.classList.toggle("growing", !final);
    this.element.classList.toggle("alone", !text || !translation);
    this.element.title = transcript.replayed ? "May repeat an earlier caption: the connection was lost" : "";
    write(this.original, text, transcript.language || source);
    write(this.translation, translation, target);
    const others = Object.entries(transcript.translations || {}).filter(([code]) => code !== target);
    while (this.others.length < others.length) this.others.push(this.line("translation more"));
    this.others.forEach((line, n) => write(line, others[n]?.[1], others[n]?.[0]));
    // A partial that takes words back must not make the page jump.
    this.element.style.minHeight = final ? "" : `${this.element.offsetHeight}px`;
  }
}

// Always text, never markup; untouched when nothing has changed.
function write(line, text, language) {
  const words = text || "";
  if (line.textContent !== words) line.textContent = words;
  if (language && line.lang !== language) line.lang = language;
  line.hidden = !words;
}
