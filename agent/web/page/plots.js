// Small moving plots of the connection: the last two minutes, a point each second.

const POINTS = 120;
const WIDTH = 240;
const HEIGHT = 44;
const SVG = "http://www.w3.org/2000/svg";

// `least` is the height of an empty plot, so that noise does not look like a storm.
const PLOTS = [
  { name: "Round trip", unit: "ms", least: 100, read: (t) => t.round_trip_ms ?? t.websocket_round_trip_ms },
  { name: "Pacing error", unit: "ms", least: 10, read: (t) => t.pacing_error_p99_ms },
  { name: "Backlog", unit: "ms", least: 500, read: (t) => t.backlog_ms },
  { name: "Reconnects", unit: "", least: 2, read: (t) => t.reconnects },
];

export class Plots {
  constructor() {
    const place = document.getElementById("plots");
    this.plots = PLOTS.map((kind) => new Plot(place, kind));
  }

  add(telemetry) {
    for (const plot of this.plots) plot.add(telemetry);
  }
}

class Plot {
  constructor(place, kind) {
    this.kind = kind;
    this.values = [];
    const row = place.appendChild(document.createElement("div"));
    row.className = "plot";
    row.appendChild(document.createElement("dt")).textContent = kind.name;
    this.number = row.appendChild(document.createElement("dd"));
    this.number.className = "number";
    this.number.textContent = "–";
    const cell = row.appendChild(document.createElement("dd"));
    cell.className = "line";
    const svg = draw(cell, "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    draw(svg, "path", { class: "base", d: `M0 ${HEIGHT - 0.5}H${WIDTH}`, "vector-effect": "non-scaling-stroke" });
    this.area = draw(svg, "path", { class: "area" });
    this.line = draw(svg, "path", { "vector-effect": "non-scaling-stroke" });
  }

  add(telemetry) {
    const value = this.kind.read(telemetry);
    this.values.push(Number.isFinite(value) ? value : null);
    if (this.values.length > POINTS) this.values.shift();
    this.number.textContent = Number.isFinite(value) ? `${short(value)} ${this.kind.unit}` : "–";
    const known = this.values.filter((each) => each !== null);
    const top = Math.max(this.kind.least, ...known) * 1.1;
    const step = WIDTH / (POINTS - 1);
    const first = WIDTH - (this.values.length - 1) * step;
    let line = "";
    let area = "";
    this.values.forEach((each, n) => {
      if (each === null) return;
      const x = (first + n * step).toFixed(1);
      const y = (HEIGHT - 1 - (each / top) * (HEIGHT - 4)).toFixed(1);
      line += `${line ? "L" : "M"}${x} ${y}`;
      area += `${area ? "L" : `M${x} ${HEIGHT}L`}${x} ${y}`;
    });
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", area && `${area}L${WIDTH} ${HEIGHT}Z`);
  }
}

function short(value) {
  return value % 1 && value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString();
}

function draw(parent, name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return parent.appendChild(element);
}
