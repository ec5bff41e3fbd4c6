import { resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { describeDatabase } from "../../src/config/database-location.js";
import { parsePostgresUrl } from "../../src/config/postgresql-url.js";
import { refusedByCommand, refusedByServer } from "../support/wrong-settings.js";

const SLASH = "has a / before an @; percent-encode one of them, as %2F or %40";

describe("a PostgreSQL URL is refused in one line that holds no value:", () => {
  test.each<[url: string, fault: string]>([
    ["//h/d?sslmod=require", "its parameter number 1 is not supported; did you mean sslmode?"],
    ["//h/d?channel_binding=require", "its parameter number 1 is not supported"],
    ["//h/d?target_session_attrs=any", "its parameter number 1 is not supported"],
    ["//h/d?ssl=true", "its parameter number 1 is not supported"],
    ["//h/d?schema=hunter2", "its parameter number 1 is not supported"],
    ["//h/d?hunter2%20=1", "its parameter number 1 is not supported"],
    ["//h/d?password=a&hunter", "its parameter number 2 is not supported"],
    ["//h/d?user=u&password=a&hunter=x", "its parameter number 3 is not supported"],
    [
      "//h/d?sslmode=allow",
      "sslmode must be disable, prefer, require, verify-ca, verify-full or no-verify",
    ],
    [
      "//h/d?sslmode=",
      "sslmode must be disable, prefer, require, verify-ca, verify-full or no-verify",
    ],
    [
      "//h/d?sslmode=verify-full",
      "sslmode=verify-full needs sslrootcert, the file of the authority's certificate",
    ],
    ["//h/d?sslrootcert=system", "sslrootcert=system needs sslmode=verify-full"],
    ["//h/d?sslcert=hunter2", "sslcert and sslkey must be set together"],
    ["//h/d?sslkey=hunter2", "sslcert and sslkey must be set together"],
    ["//h/d?connect_timeout=soon", "connect_timeout must be a whole number of seconds"],
    ["//h/d?connect_timeout=1x", "connect_timeout must be a whole number of seconds"],
    ["//h/d?connect_timeout=x1", "connect_timeout must be a whole number of seconds"],
    ["//h/d?connect_timeout=1234567", "connect_timeout must be a whole number of seconds"],
    ["//h/d?port=0", "port must be from 1 to 65535"],
    ["//h/d?port=65536", "port must be from 1 to 65535"],
    ["//h/d?port=1x", "port must be from 1 to 65535"],
    ["//h/d?port=x1", "port must be from 1 to 65535"],
    ["//h:hunter2/d", "is not a valid URL; percent-encode special characters"],
    ["//a,b/d", "names several hosts, which is not supported"],
    ["//u:p@a:1,b:2/d", "names several hosts, which is not supported"],
    ["//h/d?host=a,b", "names several hosts, which is not supported"],
    ["//h/d?host=%40gate", "host must not be an abstract socket"],
    ["//u:100%@h/d", "has a % that does not start a percent-encoded character"],
    ["//u:1?hunter2@h/d", "has a ? or # that must be percent-encoded, as %3F or %23"],
    ["//u:1#hunter2@h/d", "has a ? or # that must be percent-encoded, as %3F or %23"],
    ["//u:/hunter2@h/d", SLASH],
    ["//u:1/hunter2@h/d", SLASH],
    ["//u:a@1/hunter2@h/d", SLASH],
  ])("postgresql:%s", (url, fault) => {
    expect(refusedByCommand({ DATABASE_URL: `postgresql:${url}` })).toEqual([
      `DATABASE_URL: must be sqlite:PATH or postgresql://…, but ${fault}`,
    ]);
  });
});

describe("a PostgreSQL URL is read as libpq reads it:", () => {
  const parts = {
    host: "localhost",
    port: 5432,
    user: "",
    password: "",
    database: "d",
    sslMode: "prefer",
    sslRootCert: "",
    sslCert: "",
    sslKey: "",
    applicationName: "gatehouse",
    options: "",
    connectTimeout: undefined as number | undefined,
  };

  test.each<[url: string, read: Partial<typeof parts>]>([
    ["///d", {}],
    ["//h", { host: "h", database: "" }],
    ["//", { database: "" }],
    ["//u@", { user: "u", database: "" }],
    ["//ada:p@/d", { user: "ada", password: "p" }],
    ["//h/a://", { host: "h", database: "a://" }],
    ["//h/a://b,c", { host: "h", database: "a://b,c" }],
    ["//a%5Bb%5D/d", { host: "a[b]" }],
    ["//%5Ba%5Db/d", { host: "[a]b" }],
    ["//h:65535/d", { host: "h", port: 65_535 }],
    ["//[::1]:5433/d", { host: "::1", port: 5433 }],
    ["//u@/d?host=/run/postgresql", { user: "u", host: "/run/postgresql" }],
    ["//:5433/d", { port: 5433 }],
    ["//%2Frun%2Fpostgresql/d", { host: "/run/postgresql" }],
    ["//u%40x:p%3F%2F@h/d%20e", { user: "u@x", password: "p?/", host: "h", database: "d e" }],
    [
      "//h/d?host=i&port=1&user=v&password=q&dbname=e",
      { host: "i", port: 1, user: "v", password: "q", database: "e" },
    ],
    ["///d?application_name=a+b&sslmode=disable", { applicationName: "a+b", sslMode: "disable" }],
    ["///d?sslmode=disable&sslmode=require", { sslMode: "require" }],
    ["///d?options=-c%20a%3Db", { options: "-c a=b" }],
    ["///d?options=-c a=b", { options: "-c a=b" }],
    ["///d?connect_timeout=0", { connectTimeout: 0 }],
    ["///d?connect_timeout=123456", { connectTimeout: 123_456 }],
    ["///d?sslmode=verify-ca&sslrootcert=c", { sslMode: "verify-ca", sslRootCert: "c" }],
    [
      "///d?sslmode=verify-full&sslrootcert=system",
      { sslMode: "verify-full", sslRootCert: "system" },
    ],
    ["///d?sslcert=c&sslkey=k", { sslCert: "c", sslKey: "k" }],
    [
      "//u:p@h/d?application_name=a@b",
      { user: "u", password: "p", host: "h", applicationName: "a@b" },
    ],
  ])("postgresql:%s", (url, read) => {
    expect(parsePostgresUrl(`postgresql:${url}`)).toEqual({ ...parts, ...read });
    expect(parsePostgresUrl(`postgres:${url}`)).toEqual({ ...parts, ...read });
  });
});

test.each([
  "postgresql://u:hunter2@h/d",
  "postgresql://u@h/d?password=hunter@2",
  "postgresql://u:hunter@h/d?password=hunter2",
  "postgresql://h/d?sslmode=disable",
])("a message names a database without its user and parameters: %s", (url) => {
  expect(describeDatabase(url)).toBe("postgresql://h/d");
});

test("a SQLite database is named with its whole path", () => {
  expect(describeDatabase("sqlite:data/../gate.sqlite")).toBe(`sqlite:${resolve("gate.sqlite")}`);
  expect(describeDatabase("sqlite:/data/a@b?c")).toBe("sqlite:/data/a@b?c");
});

test.each(["", "a".repeat(64), "é".repeat(32), "a\0", "\0a"])(
  "a schema's name has 1 to 63 bytes, and no NUL: %j is refused",
  async (databaseSchema) => {
    expect(await refusedByServer({ databaseUrl: "postgresql://h/d", databaseSchema })).toEqual([
      "databaseSchema: must be a name of 1 to 63 bytes",
    ]);
  },
);

test("a schema's name may have 63 bytes", () => {
  const env = { DATABASE_URL: "postgresql://h/d", DATABASE_SCHEMA: "a".repeat(63) };
  expect(refusedByCommand(env)).toEqual([]);
});

test("settings that only PostgreSQL has are refused with SQLite", () => {
  expect(refusedByCommand({ DATABASE_SCHEMA: "auth", DATABASE_POOL_SIZE: "5" })).toEqual([
    "DATABASE_SCHEMA: needs PostgreSQL in DATABASE_URL",
    "DATABASE_POOL_SIZE: needs PostgreSQL in DATABASE_URL",
  ]);
});
