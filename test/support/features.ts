import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const FOLDER = resolve(import.meta.dirname, "../../src/features");

/** The folders of the features that come with Gatehouse. */
export const FEATURES = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** Returns the names of the features that a feature requires. */
export function requiredBy(feature: string): string[] {
  const text = readFileSync(join(FOLDER, feature, "index.ts"), "utf8");
  const [, list = ""] = /^ {2}requires: \[(.*?)\],$/ms.exec(text) ?? [];
  return [...list.matchAll(/"([\w-]+)"/g)].map(([, name = ""]) => name);
}

/** Returns a feature together with all features that need it. */
export function withDependents(feature: string): string[] {
  const dependents = FEATURES.filter((other) => requiredBy(other).includes(feature));
  return [...new Set([feature, ...dependents.flatMap(withDependents)])];
}
