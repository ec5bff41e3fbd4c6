import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Feature } from "./feature.js";

/**
 * Loads an application's features.
 * @param modules paths such as `./suspensions.js`, relative to the working directory, or names of packages
 * @returns all features that the modules export
 * @throws Error if a module cannot be loaded or exports no feature. The message names the module.
 */
export async function loadFeatures(modules: readonly string[]): Promise<Feature[]> {
  const loaded = await Promise.all(modules.map(loadModule));
  return loaded.flat();
}

async function loadModule(name: string): Promise<Feature[]> {
  let exported: object;
  try {
    exported = (await import(pathToFileURL(resolveModule(name)).href)) as object;
  } catch (cause) {
    throw new Error(`The feature ${name} cannot be loaded: ${reasonOf(cause)}`, { cause });
  }
  const features = Object.values(exported).filter(isFeature);
  if (features.length === 0) throw new Error(`The module ${name} exports no feature.`);
  return [...new Set(features)];
}

/** @throws Error if there is no such file or package. For `notes.js`, the message suggests the file `./notes.js`. */
function resolveModule(name: string): string {
  try {
    return createRequire(resolve("package.json")).resolve(name);
  } catch (cause) {
    if (/^(\.{0,2}\/|#)/.test(name)) throw cause;
    throw new Error(`there is no such package; write ./${name} for a file`, { cause });
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const isUnknownType = (error as NodeJS.ErrnoException).code === "ERR_UNKNOWN_FILE_EXTENSION";
  return isUnknownType ? "it must be JavaScript" : (error.message.split("\n", 1)[0] ?? "");
}

function isFeature(value: unknown): value is Feature {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    "create" in value &&
    typeof value.create === "function"
  );
}
