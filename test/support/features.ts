import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const FOLDER = resolve(import.meta.dirname, "../../src/features");

/** The folders of the features that come with Gatehouse. */
export const FEATURES = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** Returns the names of the features that a feature requires or uses. Its code does not compile without them. */
export function requiredBy(feature: string): string[] {
  const text = readFileSync(join(FOLDER, feature, "index.ts"), "utf8");
  const lists = [...text.matchAll(/^ {2}(?:requires|uses): \[(.*?)\],$/gms)];
  return lists.flatMap(([, list = ""]) =>
    [...list.matchAll(/"([\w-]+)"/g)].map(([, name = ""]) => name),
  );
}

/** Returns a feature together with all features that need it. */
export function withDependents(feature: string): string[] {
  const dependents = FEATURES.filter((other) => requiredBy(other).includes(feature));
  return [...new Set([feature, ...dependents.flatMap(withDependents)])];
}
