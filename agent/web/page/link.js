// The connection to the device: one WebSocket that is made again for ever.

const DELAYS = [0.3, 0.5, 1, 2, 4, 5]; // s before the next attempt
const SILENT = 2.5; // s: the device speaks ten times a second, so something is wrong
const DEAD = 8; // s: time to connect anew
const ANSWER = 30; // s to wait for an answer

export class Link {
  // `receive(kind, value)` gets every message; `lost(seconds, reason)` is called about each half
  // second while nothing is heard, and with null when all is well again.
  constructor(receive, lost) {
    this.receive = receive;
    this.lost = lost;
    this.heard = performance.now();
    this.attempt = 0;
    this.isLost = false;
    this.reason = "";
    this.idle = false; // the device waits for the password and says nothing
    this.asked = new Map();
    setInterval(() => this.watch(), 500);
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    this.open();
  }

  send(fields) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(fields));
  }

  // Send `fields` and have `answer` called with what comes back, once.
  ask(fields, answer) {
    const ref = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    this.asked.set(ref, answer);
    setTimeout(() => this.asked.delete(ref), ANSWER * 1000);
    this.send({ ...fields, ref });
    return ref;
  }

  open() {
    const address = new URL("live", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.hash = "";
    const socket = new WebSocket(address);
    this.socket = socket;
    this.opened = performance.now();
    socket.onmessage = (event) => this.take(event.data);
    socket.onclose = (event) => socket === this.socket && this.closed(event.reason);
  }

  take(text) {
    this.heard = performance.now();
    const [[kind, value]] = Object.entries(JSON.parse(text));
    if (kind !== "password") this.attempt = 0;
    if (this.isLost) this.found();
    const answer = (kind === "result" || kind === "download") && this.asked.get(value.ref);
    if (answer) {
      this.asked.delete(value.ref);
      answer(kind, value);
    } else {
      this.receive(kind, value);
    }
  }

  closed(reason) {
    this.reason = reason;
    const delay = DELAYS[Math.min(this.attempt++, DELAYS.length - 1)] * (0.75 + Math.random() / 2);
    this.timer = setTimeout(() => this.open(), delay * 1000);
  }

  // The network or the page is back: no need to wait.
  hurry() {
    if (this.socket.readyState !== WebSocket.CLOSED && this.socket.onclose) return;
    clearTimeout(this.timer);
    this.open();
  }

  watch() {
    const now = performance.now();
    const silent = (now - this.heard) / 1000;
    const open = this.socket.readyState === WebSocket.OPEN;
    if ((open && this.idle) || silent < (open ? SILENT : 1)) return;
    this.isLost = true;
    this.lost(silent, this.reason);
    const dead = this.socket.readyState !== WebSocket.CLOSED && now - Math.max(this.heard, this.opened) > DEAD * 1000;
    if (dead) this.abandon();
  }

  // Closing a dead socket properly would take as long as finding out that it is dead.
  abandon() {
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.closed("");
  }

  found() {
    this.isLost = false;
    this.reason = "";
    this.lost(null);
  }
}
