// Compiles the sources and the tests of the current folder in place. Stryker runs this script in its copy of the
// project.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { transformFile } from "@swc/core";
import jestConfig from "../jest.config.js";

const [[, options]] = Object.values(jestConfig.transform);
const GLOBALS = JSON.stringify(new URL("globals.js", import.meta.url).href);

const paths = ["src", "test"].flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path)),
);
await Promise.all(
  paths.map(async (path) => {
    const { code } = await transformFile(path, { ...options, swcrc: false });
    writeFileSync(path.replace(/\.ts$/, ".js"), code.replaceAll('"@jest/globals"', GLOBALS));
  }),
);
