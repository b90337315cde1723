// How it looks: type size, theme, which line is large, panel, full screen, kiosk.  Kept by the browser.

const SIZES = [0.6, 0.7, 0.8, 0.9, 1, 1.15, 1.3, 1.5, 1.75, 2, 2.4];
const LIGHT = { auto: "(prefers-color-scheme: light)", light: "all", dark: "not all" };
const IDLE = 3000; // ms until a kiosk's pointer hides

const root = document.documentElement;
const byId = (id) => document.getElementById(id);

// A browser that keeps nothing (private mode, a locked-down kiosk) just forgets.
export const kept = {
  get(key, otherwise) {
    try {
      return localStorage.getItem(`dragoman-${key}`) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`dragoman-${key}`, value);
    } catch { /* see above */ }
  },
};

export class Display {
  constructor(resized) {
    this.resized = resized;
    this.size = Number(kept.get("size", 1)) || 1;
    this.choice("theme-choice", "theme", "auto", (value) => { byId("light").media = LIGHT[value] || LIGHT.auto; });
    this.choice("lines-choice", "lines", "translation", (value) => { root.dataset.lines = value; resized(); });
    for (const button of document.querySelectorAll("[data-do]")) button.onclick = () => this.do(button.dataset.do);
    for (const button of document.querySelectorAll("[data-do=full]")) button.hidden = !document.fullscreenEnabled;
    const tiny = matchMedia("(max-height: 28rem) and (max-width: 36rem)");
    tiny.onchange = () => this.pair(tiny.matches);
    this.pair(tiny.matches);
    addEventListener("hashchange", () => this.kiosk());
    addEventListener("pointermove", () => this.awake(), { passive: true });
    this.scale(0);
    this.kiosk();
  }

  // A <select> whose value is kept.
  choice(id, key, otherwise, apply) {
    const select = byId(id);
    select.value = kept.get(key, otherwise);
    if (!select.value) select.value = otherwise;
    select.onchange = () => {
      kept.set(key, select.value);
      apply(select.value);
    };
    apply(select.value);
  }

  do(what) {
    if (what === "smaller") this.scale(-1);
    if (what === "larger") this.scale(1);
    if (what === "theme") this.flip();
    if (what === "full") this.full();
    if (what === "panel") this.panel();
  }

  scale(steps) {
    const at = SIZES.reduce((best, size, n) => (Math.abs(size - this.size) < Math.abs(SIZES[best] - this.size) ? n : best), 0);
    this.size = SIZES[Math.max(0, Math.min(SIZES.length - 1, at + steps))];
    root.style.setProperty("--size", this.size);
    kept.set("size", this.size);
    this.resized();
  }

  flip() {
    const isLight = matchMedia(byId("light").media).matches;
    const select = byId("theme-choice");
    select.value = isLight ? "dark" : "light";
    select.onchange();
  }

  lines() {
    const select = byId("lines-choice");
    select.selectedIndex = (select.selectedIndex + 1) % select.length;
    select.onchange();
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (document.fullscreenEnabled) root.requestFullscreen().catch(() => {}); // refused: no harm
  }

  panel() {
    const panel = byId("panel");
    panel.hidden = !panel.hidden;
    byId("panel-button").setAttribute("aria-expanded", String(!panel.hidden));
    if (!panel.hidden) panel.querySelector("[data-do=panel]").focus();
    else byId("panel-button").focus();
    this.resized();
  }

  closePanel() {
    if (!byId("panel").hidden) this.panel();
  }

  // On the smallest screens the languages are in the panel.
  pair(away) {
    const pair = document.querySelector(".pair");
    byId("pair-row").hidden = !away;
    if (away) byId("pair-row").append(pair);
    else document.querySelector(".tools").before(pair);
  }

  // `#kiosk` in the address: captions and nothing else.
  kiosk() {
    const on = location.hash === "#kiosk";
    document.body.classList.toggle("kiosk", on);
    if (on) this.keepAwake();
    this.awake();
    this.resized();
  }

  awake() {
    document.body.classList.remove("idle");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => document.body.classList.add("idle"), IDLE);
  }

  // Browsers let go of the lock whenever the page is hidden, and give it to local or HTTPS pages only.
  keepAwake() {
    const lock = () => !document.hidden && navigator.wakeLock?.request("screen").catch(() => {});
    lock();
    document.addEventListener("visibilitychange", lock);
  }
}
