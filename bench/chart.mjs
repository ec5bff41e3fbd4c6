// Draws the charts of the README from the figures of the last runs.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { FIGURES } from "./report.mjs";

const WIDTH = 760;
const LABELS = 330;
const BAR = 18;
const GAP = 8;
const TOP = 56;

const CHARTS = {
  me: "CPU of one authenticated request, in ms (32 connections)",
  refresh: "CPU of one token refresh, in ms (32 connections)",
};

/** Writes one SVG for each group that was measured. Its colours follow the theme of the reader. */
export async function writeCharts() {
  if (!existsSync(FIGURES)) return;
  const figures = JSON.parse(readFileSync(FIGURES, "utf8"));
  for (const [group, title] of Object.entries(CHARTS)) {
    if (figures[group] === undefined) continue;
    const file = new URL(`../docs/images/bench-${group}.svg`, import.meta.url);
    writeFileSync(file, draw(title, figures[group]));
  }
}

function draw(title, rows) {
  const widest = WIDTH - LABELS - 60;
  const most = Math.max(...rows.map(({ cpu }) => cpu));
  const height = TOP + rows.length * (BAR + GAP) + 8;
  const bars = rows.map(({ name, server, database, cpu }, index) => {
    const y = TOP + index * (BAR + GAP);
    const width = (value) => Math.max(1, (value / most) * widest).toFixed(1);
    const kind = name.startsWith("Gatehouse") ? "own" : "other";
    const end = LABELS + Number(width(cpu));
    return `<text class="label" x="${LABELS - 10}" y="${y + 13}" text-anchor="end">${escape(name)}</text>
<rect class="${kind}" x="${LABELS}" y="${y}" width="${width(cpu)}" height="${BAR}" rx="2"/>${
      database > 0
        ? `\n<rect class="database" x="${(LABELS + Number(width(server))).toFixed(1)}" y="${y}" width="${width(database)}" height="${BAR}" rx="2"/>`
        : ""
    }
<text class="value" x="${(end + 6).toFixed(1)}" y="${y + 13}">${cpu.toFixed(2)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">
<title>${escape(title)}</title>
<style>
svg { background: #ffffff; font: 13px system-ui, sans-serif; }
text { fill: #1f2328; }
.title { font-weight: 600; font-size: 15px; }
.own { fill: #1a7f37; }
.other { fill: #8c959f; }
.database { fill: #000000; fill-opacity: 0.25; }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; }
  text { fill: #e6edf3; }
  .own { fill: #3fb950; }
  .other { fill: #6e7681; }
  .database { fill: #ffffff; fill-opacity: 0.35; }
}
</style>
<text class="title" x="10" y="22">${escape(title)}</text>
<text x="10" y="42">The end of a bar in another shade is PostgreSQL's part. Shorter is better.</text>
${bars.join("\n")}
</svg>
`;
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
