import { describe, expect, test } from "@jest/globals";
import { parseRedisUrl, type RedisUrl } from "../../src/config/redis-url.js";
import { refusedByCommand } from "../support/wrong-settings.js";

const KINDS =
  "must be redis://host:6379, redis+sentinel://host:26379,…/mymaster or redis+cluster://host:6379,…";

const DATABASE = "must end with the number of a database, such as /0, or leave the number out";
const PARAMETERS = "must have no parameters, except for sentinel_password with redis+sentinel://";
const SPECIAL = "has a special character that must be percent-encoded, such as / as %2F";
const NO_HOST = "names no host, or has a comma too many";
const MALFORMED = "has a malformed host or port";

describe("REDIS_URL is refused in one line that holds no value:", () => {
  test.each<[url: string, fault: string]>([
    ["redis://", NO_HOST],
    ["redis://hunter2:port", MALFORMED],
    ["redis://hunter2:70000", MALFORMED],
    ["redis://host/hunter2", DATABASE],
    ["redis://host/12345", DATABASE],
    ["redis://host/1x", DATABASE],
    ["redis://host/x1", DATABASE],
    ["redis://host/0/name", DATABASE],
    ["redis+sentinel://host/name/0/1", DATABASE],
    ["redis+sentinel://host/name/x", DATABASE],
    ["redis://a,b", "names several hosts, which needs redis+sentinel:// or redis+cluster://"],
    ["redis://user:a%zz@host", "has a % that does not start a percent-encoded character"],
    ["redis://user:a/b@host", SPECIAL],
    ["redis://user:a#b@host", SPECIAL],
    ["redis://host#a", SPECIAL],
    ["redis://host?tls=1", PARAMETERS],
    ["redis://host?sentinel_password=x", PARAMETERS],
    ["redis+sentinel://a/name?password=x", PARAMETERS],
    ["redis+sentinel://a/name?x&sentinel_password=x", PARAMETERS],
    ["redis+sentinel://a/name?sentinel_password=x&a=b", PARAMETERS],
    [
      "redis+sentinel://host:26379",
      "needs the name that the Sentinels give the server, as in redis+sentinel://host:26379/mymaster",
    ],
    ["redis+sentinel://a,,b/name", NO_HOST],
    ["redis+sentinel://a,b,/name", NO_HOST],
    ["redis+cluster://a,b/0", "must not name a database, because a Cluster has only one"],
    ["redis+proxy://a", ""],
    ["xredis://a", ""],
    ["rediss+sentinels://a/name", ""],
  ])("%s", (url, fault) => {
    const end = fault === "" ? "" : `, but ${fault}`;
    expect(refusedByCommand({ REDIS_URL: url })).toEqual([`REDIS_URL: ${KINDS}${end}`]);
  });
});

describe("REDIS_URL is read:", () => {
  const parts: RedisUrl = {
    kind: "single",
    isTls: false,
    hosts: [{ host: "a", port: 6379 }],
    username: undefined,
    password: undefined,
    database: 0,
    name: "",
    sentinelPassword: undefined,
  };
  const sentinel = { kind: "sentinel", hosts: [{ host: "a", port: 26379 }], name: "main" } as const;

  test.each<[url: string, read: Partial<RedisUrl>]>([
    ["redis://a", {}],
    ["redis://a/", {}],
    ["rediss://a:1/9999", { isTls: true, hosts: [{ host: "a", port: 1 }], database: 9999 }],
    ["redis://[::1]:7", { hosts: [{ host: "::1", port: 7 }] }],
    ["redis://a%5Bb%5D", { hosts: [{ host: "a[b]", port: 6379 }] }],
    ["redis://%5Ba%5Db", { hosts: [{ host: "[a]b", port: 6379 }] }],
    ["redis://:p@a", { password: "p" }],
    ["redis://u@a", { username: "u" }],
    ["redis://u%40:p:q%2F@a", { username: "u@", password: "p:q/" }],
    ["redis+sentinel://a/main", sentinel],
    ["rediss+sentinel://a/main/3", { ...sentinel, isTls: true, database: 3 }],
    [
      "redis+sentinel://a,b:1/ma%20in?sentinel_password=p%26",
      {
        ...sentinel,
        hosts: [
          { host: "a", port: 26379 },
          { host: "b", port: 1 },
        ],
        name: "ma in",
        sentinelPassword: "p&",
      },
    ],
    ["redis+sentinel://a/main?sentinel_password=", sentinel],
    [
      "redis+cluster://u:p@a,b:1",
      {
        kind: "cluster",
        hosts: [
          { host: "a", port: 6379 },
          { host: "b", port: 1 },
        ],
        username: "u",
        password: "p",
      },
    ],
  ])("%s", (url, read) => {
    expect(refusedByCommand({ REDIS_URL: url })).toEqual([]);
    expect(parseRedisUrl(url)).toEqual({ ...parts, ...read });
  });
});
