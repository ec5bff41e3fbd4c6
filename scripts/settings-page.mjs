import { format } from "prettier";

const START = "<!-- The table is generated: npm run generate -->";
const END = "<!-- The end of the table -->";

/** Returns docs/settings.md with a new table. The rest of the page stays unchanged. */
export async function renderSettingsPage(page, settings, sentences, { describe, defaultOf }) {
  const [before, rest] = splitAt(page, START);
  const [, after] = splitAt(rest, END);
  const rows = Object.entries(settings).map(([option, setting]) => {
    const reader = setting.variable === undefined ? "option" : "variable";
    const isCode = setting.defaultNote === undefined && setting.default !== undefined;
    const usual = defaultOf(setting, reader);
    const cells = [
      code(option),
      setting.variable === undefined ? "–" : code(setting.variable),
      isCode ? code(usual) : usual,
      describe(setting, sentences[option], reader),
    ];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  const table = ["| option | variable | default | what it does |", "| - | - | - | - |", ...rows];
  const text = [before + START, table.join("\n"), END + after].join("\n\n");
  return format(text, { parser: "markdown", printWidth: 100 });
}

function splitAt(text, marker) {
  const at = text.indexOf(marker);
  if (at === -1) throw new Error(`docs/settings.md has no line ${marker}`);
  return [text.slice(0, at), text.slice(at + marker.length)];
}

function code(text) {
  return `\`${text}\``;
}
