import { describe, expect, test } from "@jest/globals";
import { parsePostgresUrl } from "../../src/config/postgresql-url.js";
import {
  codeOf,
  describeFault,
  hasNoTls,
  isAboutTls,
  isWithoutAnswer,
} from "../../src/database/postgresql-fault.js";

const URL = "postgresql://ada:hunter2@db.example.com:6432/shop?sslmode=require&connect_timeout=7";
const url = parsePostgresUrl(URL);
const withCode = (code: string, message = "the server's words") =>
  Object.assign(new Error(message), { code });

const NO_TLS = new Error("The server does not support SSL connections");
const TIMEOUT = new Error("timeout expired");

const UNREACHABLE = "The database cannot be reached. Check its URL, and whether it is running";

describe("a fault of PostgreSQL is one line that quotes the server:", () => {
  test.each<[code: string, words: string, message?: string]>([
    ["", "The database server has no TLS, which sslmode=require needs", NO_TLS.message],
    ["", "The database server db.example.com:6432 did not answer within 7 s", TIMEOUT.message],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "TLS with the database server fails"],
    ["CERT_HAS_EXPIRED", "The certificate of the database server is refused"],
    ["3D000", "The database shop does not exist; `gatehouse migrate --create` makes it"],
    ["28P01", "The database server refuses the role ada or its password"],
    ["28000", "The database server refuses the role ada"],
    ["28000", "The database server may require TLS; set sslmode=require", "no encryption"],
    ["53300", "The database server has too many connections"],
    ["08P01", "The database server, or the pooler in front of it, refuses the connection"],
    ["ECONNREFUSED", "No database server listens on db.example.com:6432"],
    ["ENOENT", "No database server listens on db.example.com:6432"],
    ["ENOTFOUND", "The database server's host db.example.com is unknown"],
    ["EAI_AGAIN", "The database server's host db.example.com is unknown"],
    ["ECONNRESET", UNREACHABLE],
    ["", UNREACHABLE, "Connection terminated"],
  ])("%s %s", (code, words, message = "the server's words") => {
    const error = code === "" ? new Error(message) : withCode(code, message);
    expect(describeFault(error, url)).toBe(`${words}: ${message}`);
  });

  test("the path of a socket", () => {
    const socket = parsePostgresUrl("postgresql:///shop?host=/run/pg&port=7");
    expect(describeFault(withCode("ENOENT"), socket)).toBe(
      "No database server listens on /run/pg/.s.PGSQL.7: the server's words",
    );
  });

  test("the default time to connect", () => {
    expect(describeFault(TIMEOUT, parsePostgresUrl("postgresql://db"))).toMatch(
      /did not answer within \d+ s: timeout expired$/,
    );
  });

  test("the first of several addresses", () => {
    const errors = [withCode("ECONNREFUSED", "first"), withCode("ENOENT", "second")];
    expect(describeFault(new AggregateError(errors), url)).toMatch(/6432: first$/);
    expect(describeFault(new AggregateError([], "none"), url)).toMatch(/running: none$/);
  });

  test("a cause that has a code, and the reason of a TLS error", () => {
    const reason = { code: "ERR_SSL_X", message: "C:1:error in file.c", reason: " no\n  cipher " };
    const error = new Error("outer", { cause: new Error("inner", { cause: reason }) });
    expect(describeFault(error, url)).toBe("TLS with the database server fails: no cipher");
    expect(codeOf(error)).toBe("ERR_SSL_X");
    const outer = Object.assign(new Error("outer", { cause: reason }), { code: "3D000" });
    expect(codeOf(outer)).toBe("3D000");
  });

  test("nothing, if the error has no words", () => {
    expect(describeFault({ code: 7 }, url)).toMatch(/running: $/);
    expect(codeOf({ code: 7 })).toBe("");
    expect(codeOf({ code: 7, cause: null })).toBe("");
  });
});

test("a connection may be tried without TLS only if TLS may have caused the error", () => {
  const about = [NO_TLS, withCode("28000"), withCode("ERR_SSL_X"), withCode("CERT_HAS_EXPIRED")];
  const others = [TIMEOUT, withCode("28P01"), withCode("EAI_AGAIN"), withCode("ECONNRESET")];
  for (const error of about) expect([error, isAboutTls(error)]).toEqual([error, true]);
  for (const error of others) expect([error, isAboutTls(error)]).toEqual([error, false]);
  expect([NO_TLS, TIMEOUT].map(hasNoTls)).toEqual([true, false]);
  expect([NO_TLS, TIMEOUT].map(isWithoutAnswer)).toEqual([false, true]);
});
