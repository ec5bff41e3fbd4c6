import { readdir, readFile } from "node:fs/promises";
import ts from "typescript";

const ROOT = new URL("../", import.meta.url);

/**
 * Maps the option of each setting to the setting's sentence, which is the comment above the entry of the setting. Reads
 * the settings of the core and of every feature.
 */
export async function readSentences() {
  const folders = await readdir(new URL("src/features/", ROOT), { withFileTypes: true });
  const features = folders
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `src/features/${name}/index.ts`);
  const files = ["src/config/settings.ts", "src/config/server-settings.ts", ...features];
  const found = await Promise.all(
    files.map(async (path) => sentencesIn(path, await readFile(new URL(path, ROOT), "utf8"))),
  );
  return Object.fromEntries(found.flat());
}

/** Reads the tables of a file: its constants called `settings` or `…_SETTINGS`. */
function sentencesIn(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return source.statements
    .filter(ts.isVariableStatement)
    .flatMap(({ declarationList }) => declarationList.declarations)
    .filter(({ name }) => /^settings$|_SETTINGS$/.test(name.getText()))
    .flatMap(({ initializer }) => initializer.properties)
    .map((entry) => [entry.name.getText(), sentenceAbove(entry)]);
}

function sentenceAbove(entry) {
  const [comment] = ts.getJSDocCommentsAndTags(entry);
  const sentence = ts.getTextOfJSDocComment(comment?.comment)?.replaceAll(/\s+/g, " ");
  if (!sentence) throw new Error(`The setting ${entry.name.getText()} needs a comment above it.`);
  return sentence;
}
