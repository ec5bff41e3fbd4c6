import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, resolve as resolvePath } from "node:path";
import { describe, test } from "@jest/globals";

/** PATH and the folders of programs for administrators. On Debian, only root has these folders in PATH. */
const PATH = [process.env["PATH"] ?? "", "/usr/sbin", "/sbin"].join(delimiter);

/** The output of a program, and how the program ended. */
export interface Printed {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program until it ends. Returns its standard output and standard error together. */
export function runProgram(file: string, parameters: readonly string[]): Promise<Printed> {
  return new Promise((resolve) => {
    execFile(file, parameters, { env: { ...process.env, PATH } }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : null;
      resolve({ code, output: stdout + stderr });
    });
  });
}

/**
 * Returns `describe` if the program is installed here; otherwise, a function that skips the tests and says why.
 * @param program a name to look for in PATH, or an absolute path
 * @param variable the environment variable that can name another path
 * @throws Error if the program is missing and REQUIRE_SERVICES=1
 */
export function describeWith(
  program: string,
  variable?: string,
): typeof describe | typeof describe.skip {
  const isInstalled = PATH.split(delimiter).some((folder) =>
    isExecutable(resolvePath(folder, program)),
  );
  if (isInstalled) return describe;
  const fault = `${program} is not installed${variable === undefined ? "" : `; set ${variable}`}`;
  if (process.env["REQUIRE_SERVICES"] === "1") throw new Error(fault);
  describe.skip(fault, () => {
    test("the tests that need it are skipped", () => undefined);
  });
  return describe.skip;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
