import { type Ended, runNode } from "../support/node-process.js";
import { ROOT } from "../support/command.js";

/** The folder of the application that installed the tarball. @see install.mjs */
export const APP = process.env["INSTALLED_APP"] ?? "";

/** The package as it was installed. */
export const PACKAGE = `${APP}/node_modules/graphql-gatehouse`;

/** The package as it was packed. */
export const TARBALL = process.env["INSTALLED_TARBALL"] ?? "";

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

/** The strictest options of an application, which check the declarations of packages too. */
export const STRICT = {
  target: "ES2022",
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
};
