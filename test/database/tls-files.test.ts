import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { parsePostgresUrl } from "../../src/config/postgresql-url.js";
import { readTlsOptions } from "../../src/database/postgresql-tls.js";

const isRoot = process.getuid?.() === 0;
/** The id of a user other than root. */
const OTHER = 65_534;

let folder: string;
let key: string;
let cert: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gate-"));
  [key, cert] = [join(folder, "key"), join(folder, "cert")];
  await writeFile(cert, "garbage");
  await writeFile(key, "garbage", { mode: 0o600 });
});
afterEach(() => rm(folder, { recursive: true }));

const optionsOf = (query: string, host = "db") =>
  readTlsOptions(parsePostgresUrl(`postgresql:///shop?host=${host}&${query}`));

/** Returns why the files cannot be used. The first check is that of the key's mode. */
function faultOf(): string {
  try {
    optionsOf(`sslmode=require&sslcert=${cert}&sslkey=${key}`);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

const expectRefused = (mode: string) => {
  expect([mode, faultOf()]).toEqual([mode, `sslkey: others can read ${key}; run chmod 600 on it.`]);
};
const expectRead = (mode: string) => {
  expect([mode, faultOf()]).toEqual([
    mode,
    expect.stringMatching(/^sslcert: the file \S+ cannot be used: .+\.$/),
  ]);
};

describe("the key of a client's certificate", () => {
  test("may be read only by its owner", async () => {
    if (isRoot) await chown(key, OTHER, OTHER);
    for (const mode of ["600", "400", "700"]) {
      await chmod(key, parseInt(mode, 8));
      expectRead(mode);
    }
    for (const mode of ["640", "620", "610", "604", "602", "601"]) {
      await chmod(key, parseInt(mode, 8));
      expectRefused(mode);
    }
  });

  // Only root can make a file that root owns.
  (isRoot ? test : test.skip)("may be read by its group if root owns it", async () => {
    for (const mode of ["600", "640"]) {
      await chmod(key, parseInt(mode, 8));
      expectRead(mode);
    }
    for (const mode of ["660", "650", "604", "602", "601"]) {
      await chmod(key, parseInt(mode, 8));
      expectRefused(mode);
    }
  });

  test("must exist", async () => {
    await rm(key);
    expect(faultOf()).toMatch(/^sslkey: the file \S+ cannot be used: ENOENT/);
  });

  test("that is missing is an error with that of the system as its cause", async () => {
    await rm(key);
    expect(() => optionsOf(`sslmode=require&sslcert=${cert}&sslkey=${key}`)).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ code: "ENOENT" }) }),
    );
  });
});

test("no TLS is used if the URL says so, or over a socket", () => {
  expect(optionsOf("sslmode=disable")).toBe(false);
  expect(optionsOf("sslmode=require", "/run/postgresql")).toBe(false);
});

test("the certificate of the server is checked if the URL names an authority", () => {
  const checks = (query: string) => {
    const options = optionsOf(query);
    return options && [options.rejectUnauthorized, "ca" in options, "cert" in options];
  };
  expect(checks("sslmode=require")).toEqual([false, false, false]);
  expect(checks("sslmode=verify-full&sslrootcert=system")).toEqual([true, false, false]);
});

test("the name of the server is checked with verify-full only", () => {
  const check = (query: string, name: string) => {
    const options = optionsOf(`sslrootcert=system&${query}`, "127.0.0.1");
    const certificate = { subject: {}, subjectaltname: name };
    return options && options.checkServerIdentity("localhost", certificate as never);
  };
  expect(check("sslmode=verify-full", "IP Address:127.0.0.1")).toBeUndefined();
  expect(check("sslmode=verify-full", "DNS:localhost")).toMatchObject({
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
  });
});
