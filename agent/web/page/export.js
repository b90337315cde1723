// A conversation as a file, made of the finals the page holds, where the device has them no more.

const KEYS = ["index", "text", "translation", "translations", "start_ms", "end_ms", "speaker", "language", "confidence", "words"];

const FORMATS = {
  txt: (said) => said.map((each) => `${texts(each).join("  →  ")}\n`).join(""),
  srt: (said) => cues(said, ",", (text) => text.replaceAll("-->", "-- >").replace(/([<{])(?=[\\/!A-Za-z])/g, "$1\u200b")),
  vtt: (said) => `WEBVTT\n\n${cues(said, ".", (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"))}`,
  json(said) {
    const transcripts = said.map((each) => Object.fromEntries(KEYS.filter((key) => each[key] != null).map((key) => [key, each[key]])));
    return `${JSON.stringify({ file: said[0].session, service: said[0].service, transcripts })}\n`;
  },
};

export function written(format, finals) {
  return FORMATS[format]([...finals].sort((one, other) => one.index - other.index));
}

// Text and translations, those there are, each on one line.
function texts({ text, translation, translations = {} }) {
  return [text, translation, ...Object.values(translations)].filter(Boolean).map((each) => each.split(/\s+/).join(" ").trim());
}

// Where nobody knows a time, a cue follows the one before.
function cues(said, point, plain) {
  let at = 0;
  return said.map((each, n) => {
    const start = each.start_ms ?? at;
    at = Math.max(each.end_ms ?? 0, start + 1);
    return `${n + 1}\n${time(start, point)} --> ${time(at, point)}\n${texts(each).map(plain).join("\n")}\n\n`;
  }).join("");
}

function time(ms, point) {
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  return `${two(ms / 3600000)}:${two((ms / 60000) % 60)}:${two((ms / 1000) % 60)}${point}${String(ms % 1000).padStart(3, "0")}`;
}
