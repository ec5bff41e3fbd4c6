import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Feature } from "./feature.js";

/**
 * Loads an application's features.
 * @param modules paths such as `./suspensions.js`, relative to the working directory, or names of packages
 * @returns all features that the modules export
 * @throws Error that names the module which cannot be loaded or exports no feature
 */
export async function loadFeatures(modules: readonly string[]): Promise<Feature[]> {
  const loaded = await Promise.all(modules.map(loadModule));
  return loaded.flat();
}

async function loadModule(name: string): Promise<Feature[]> {
  let exported: object;
  try {
    const require = createRequire(resolve("package.json"));
    exported = (await import(pathToFileURL(require.resolve(name)).href)) as object;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n", 1)[0] : "unknown error";
    throw new Error(`The feature ${name} cannot be loaded: ${reason}`, { cause });
  }
  const features = Object.values(exported).filter(isFeature);
  if (features.length === 0) throw new Error(`The module ${name} exports no feature.`);
  return [...new Set(features)];
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
