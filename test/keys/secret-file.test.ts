import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createPrivateFile } from "../../src/keys/private-file.js";
import { readOrCreateSecretKey, secretPathOf } from "../../src/keys/secret-key.js";

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
  ])("is created once, with %s", (_what, content) => {
    if (content !== undefined) writeFileSync(database, content);
    const secret = read();
    writeFileSync(database, "tables");
    expect(read()).toBe(secret);
    expect(`${secret}\n`).toBe(readFileSync(file, "utf8"));
  });

  test("has the name of the database, or is in the folder data if the database is on a server", () => {
    expect(secretPathOf("sqlite:/srv/a.sqlite.d/gate.sqlite")).toBe("/srv/a.sqlite.d/gate.secret");
    expect(secretPathOf("sqlite:/srv/gate.db")).toBe("/srv/gate.db.secret");
    const beside = resolve("data/gatehouse.secret");
    expect(secretPathOf("postgresql://db.example.com/gate")).toBe(beside);
  });

  test("can be accessed by its owner only, and so can its folder", () => {
    const path = join(folder, "data/inner");
    readOrCreateSecretKey(`sqlite:${path}/gate.sqlite`);
    const modeOf = (of: string) => statSync(of).mode & 0o777;
    expect(modeOf(join(path, "gate.secret"))).toBe(0o600);
    expect([modeOf(path), modeOf(join(folder, "data"))]).toEqual([0o700, 0o700]);
  });

  test("is not replaced by another process that creates one at the same time", () => {
    createPrivateFile(file, "first");
    createPrivateFile(file, "second");
    expect(readFileSync(file, "utf8")).toBe("first");
    expect(readdirSync(folder)).toEqual(["gate.secret"]);
  });

  test("is read even where no other file can be written, and an error says so if it cannot be created there", () => {
    // The temporary file has a longer name, which is too long for a file system.
    database = join(folder, `${"x".repeat(240)}.sqlite`);
    file = database.replace(".sqlite", ".secret");
    expect(read).toThrow(
      expect.objectContaining({
        message: `The secret ${file} cannot be stored beside the database (ENAMETOOLONG).`,
        cause: expect.objectContaining({ code: "ENAMETOOLONG" }),
      }),
    );
    const secret = "9QxT2vLw7Zc4NfYb1KpRs8HdJm3GaUeV6oXiCtBqWyE";
    writeFileSync(file, secret);
    expect(read()).toBe(secret);
  });

  test("that cannot be read is refused with the name of its file and the cause", () => {
    mkdirSync(file);
    expect(read).toThrow(
      expect.objectContaining({
        message: `The secret ${file} cannot be read (EISDIR).`,
        cause: expect.objectContaining({ code: "EISDIR" }),
      }),
    );
  });

  test("is not created beside a database that was made with another secret", () => {
    writeFileSync(database, "tables");
    expect(read).toThrow(
      `The database exists, but its secret ${file} is missing. Restore that file, or set SECRET_KEY.`,
    );
    expect(existsSync(file)).toBe(false);
  });

  test.each(["", "\n", "short"])("is refused with the name of its file: %j", (content) => {
    writeFileSync(file, content);
    const line = `The file ${file} does not hold a secret of at least 32 random bytes.`;
    expect(read).toThrow(`${line} Delete it.`);
    writeFileSync(database, "tables");
    expect(read).toThrow(`${line} Restore it.`);
  });
});
