import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { readOrCreateSecretKey } from "../../src/keys/secret-key.js";

describe("the secret beside the database", () => {
  let folder: string;
  let file: string;
  let database: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "secret-file-"));
    [file, database] = [join(folder, "gate.secret"), join(folder, "gate.sqlite")];
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const read = () => readOrCreateSecretKey(`sqlite:${database}`);

  test.each([
    ["no database", undefined],
    ["an empty file as the database", ""],
  ])("is made once, with %s", (_what, content) => {
    if (content !== undefined) writeFileSync(database, content);
    const secret = read();
    writeFileSync(database, "tables");
    expect(read()).toBe(secret);
  });

  test("is not made beside a database that was made with another", () => {
    writeFileSync(database, "tables");
    expect(read).toThrow(
      `The database exists, but its secret ${file} is missing. Restore that file, or set SECRET_KEY.`,
    );
    expect(existsSync(file)).toBe(false);
  });

  test.each(["", "\n", "short"])("is refused by the name of its file: %j", (content) => {
    writeFileSync(file, content);
    const line = `The file ${file} does not hold a secret of at least 32 random bytes.`;
    expect(read).toThrow(`${line} Delete it.`);
    writeFileSync(database, "tables");
    expect(read).toThrow(`${line} Restore it.`);
  });
});
