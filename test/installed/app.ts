import { execFile } from "node:child_process";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { type Ended, runNode } from "../support/node-process.js";
import { NPM_ENV } from "./install.mjs";
import { ROOT } from "../support/command.js";

/** The folder of the application that installed the tarball. install.mjs sets it. */
export const APP = process.env["INSTALLED_APP"] ?? "";

/** The package as it was installed. */
export const PACKAGE = `${APP}/node_modules/graphql-gatehouse`;

/** The package as it was packed. */
export const TARBALL = process.env["INSTALLED_TARBALL"] ?? "";

/** The package's command. */
export const CLI = `${PACKAGE}/dist/cli.js`;

/**
 * Creates another application with the same packages, and returns its folder. The packages are hard links, so a test
 * may remove or replace files.
 * @param without packages, or paths in them, to remove
 */
export async function copyApp(name: string, without: readonly string[] = []): Promise<string> {
  const folder = `${APP}-${name}`;
  await mkdir(folder);
  await promisify(execFile)("cp", ["-al", `${APP}/node_modules`, folder]);
  // npm removes packages that no manifest names, so the manifests are needed. They are copied, because npm writes
  // into these files.
  for (const name of ["package.json", "package-lock.json"]) {
    await copyFile(`${APP}/${name}`, `${folder}/${name}`);
  }
  await Promise.all(
    without.map((path) => rm(`${folder}/node_modules/${path}`, { recursive: true })),
  );
  return folder;
}

/**
 * Runs a program of the system in a folder, with install scripts off. It gets none of the variables of the npm that
 * started the tests.
 */
export async function runProgram(
  [file, ...parameters]: readonly [string, ...string[]],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const options = { cwd: folder, env: { ...NPM_ENV, ...env } };
  return promisify(execFile)(file, parameters, options).then(
    (ended) => ({ code: 0, ...ended }),
    (failed: unknown) => failed as Ended,
  );
}

/** Runs npm in a folder. */
export function npm(parameters: readonly string[], folder: string): Promise<Ended> {
  return runProgram(["npm", ...parameters], folder);
}

/** Runs a tool of this clone, such as the compiler, in a folder of the application. */
export function runTool(
  script: string,
  parameters: readonly string[],
  folder: string,
): Promise<Ended> {
  return runNode([`${ROOT}node_modules/${script}`, ...parameters], {
    cwd: folder,
    timeout: 100_000,
  });
}

/** The strictest options of an application. They make the compiler check the declarations of packages too. */
export const STRICT = {
  target: "ES2022",
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
};
