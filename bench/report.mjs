// Writes the sections of results.md, and measures processes.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg, release, totalmem } from "node:os";

const RESULTS = new URL("results.md", import.meta.url);
/** The figures of the last run of each group, for the charts. */
export const FIGURES = new URL("figures.json", import.meta.url);
/** The kernel counts CPU time in hundredths of a second. */
const TICKS = 100;

/** Replaces the section with the same first words in its heading, or adds it at the end. */
export async function replaceSection(text) {
  const sections = (await readFile(RESULTS, "utf8")).trimEnd().split(/\n+(?=## )/);
  const start = (section) => section.split(" ").slice(0, 2).join(" ");
  const index = sections.findIndex((section) => start(section) === start(text));
  sections.splice(index < 0 ? sections.length : index, 1, text.trimEnd());
  await writeFile(RESULTS, `${sections.join("\n\n")}\n`);
  process.stdout.write(text);
}

/**
 * Returns a text that says when and where a program measured. A load average above the number of cores means that the
 * machine was shared.
 */
export function describeMachine() {
  const [{ model }] = cpus();
  return `on ${new Date().toISOString().slice(0, 10)}, on ${cpus().length} cores of ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}, load average ${loadavg()[2].toFixed(0)}`;
}

/**
 * Returns the CPU time of all threads of a process, and of its children that have ended, in seconds. Works only on
 * Linux. PostgreSQL has a child for each connection.
 */
export async function cpuOf(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name of the program, in parentheses, can contain spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Returns the section of a group of rows, and stores its figures. Ratios are medians of the rounds' ratios, because
 * both sides of a ratio were measured within seconds. In a group of pairs, every second row is compared with the row
 * before it.
 */
export function describeGroup(name, { title, pairs }, rows, { rounds, seconds, isPinned }) {
  const figures = rows.map(({ name, operation, samples }, index) => {
    const base = pairs ? rows[index - (index % 2)] : rows[0];
    const of = (field) => median(samples.map((sample) => sample[field]));
    const to = (field) =>
      median(samples.map((sample, round) => sample[field] / base.samples[round][field]));
    return {
      ...{ name, operation, server: of("server"), database: of("database"), cpu: of("cpu") },
      ...{ p99: of("p99"), perSecond: of("perSecond"), cpuRatio: to("cpu"), p99Ratio: to("p99") },
      perFlush: median(
        samples.map(({ perSecond, wall, flushes }) => (perSecond * wall) / Math.max(1, flushes)),
      ),
    };
  });
  const all = existsSync(FIGURES) ? JSON.parse(readFileSync(FIGURES, "utf8")) : {};
  writeFileSync(FIGURES, `${JSON.stringify({ ...all, [name]: figures }, null, 2)}\n`);
  const lines = figures.map((figure) => {
    const { name, operation, server, database, p99, perSecond, cpuRatio, p99Ratio } = figure;
    // A refresh at Django writes nothing.
    const hasFlushes = database > 0 && operation === "refresh" && name.startsWith("Gatehouse");
    const cells = [
      ...[name, server.toFixed(3), database > 0 ? database.toFixed(3) : "", cpuRatio.toFixed(2)],
      ...(Number.isFinite(p99) ? [p99.toFixed(1), p99Ratio.toFixed(2)] : ["", ""]),
      ...[perSecond.toFixed(0), hasFlushes ? figure.perFlush.toFixed(1) : ""],
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const pinning = isPinned ? "on different cores" : "not pinned to cores: do not trust the figures";
  return `## ${name}: ${title}

\`npm run bench -- ${name} --rounds ${rounds} --seconds ${seconds}\` ${describeMachine()}; servers and load ${pinning}.

| | CPU ms | of the database | ${pairs ? "to the row before" : "to the first row"} | p99 ms | ratio | per second | per flush |
|---|---|---|---|---|---|---|---|
${lines.join("\n")}
`;
}
