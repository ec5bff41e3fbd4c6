import { describe, expect, test } from "@jest/globals";
import { Gate } from "../support/gate.js";
import { decode } from "../support/forge.js";

/** Without this, the gate would set a public URL itself. */
const UNSET: object = { publicUrl: undefined };
const ELSEWHERE = { graphiql: false, introspection: false } as const;
const IS_REQUIRED =
  "publicUrl: is required if others can reach the server; set it to the URL that clients use, such as https://auth.example.com";
const WILDCARD = "has a *, and cannot stand for several origins";
const ORIGIN = "publicUrl: must be an origin such as https://auth.example.com";

/** Starts a server. Returns the lines of its refusal, or the issuer of one of its tokens. */
async function start(options: Parameters<typeof Gate.open>[0]): Promise<string[] | string> {
  const gate = await Gate.open({ ...UNSET, ...options }).catch(
    (error: unknown) => (error as Error).message,
  );
  if (typeof gate === "string") return gate.split("\n");
  try {
    const { access } = await gate.issue(await gate.user("ada"));
    return String(decode(access).claims["iss"]);
  } finally {
    await gate.close();
  }
}

describe("PUBLIC_URL", () => {
  test.each([
    ["beyond loopback", { ...ELSEWHERE, host: "0.0.0.0" }],
    ["behind a proxy", { ...ELSEWHERE, trustedProxies: ["127.0.0.1"] }],
    ["beyond loopback with an issuer", { ...ELSEWHERE, host: "::", jwtIssuer: "someone" }],
  ])("is required %s", async (_where, options) => {
    expect(await start(options)).toEqual([IS_REQUIRED]);
  });

  test("is not required on loopback without a proxy, where the issuer is gatehouse on every port", async () => {
    for (const options of [{}, { host: "localhost" }, { isProduction: true }]) {
      expect(await start(options)).toBe("gatehouse");
    }
  });

  test("is the issuer unless JWT_ISSUER is set", async () => {
    const publicUrl = "https://auth.example.com";
    expect(await start({ publicUrl })).toBe(publicUrl);
    expect(await start({ publicUrl: "http://auth.example.com" })).toBe("http://auth.example.com");
    expect(await start({ publicUrl, jwtIssuer: "someone" })).toBe("someone");
    expect(await start({ ...ELSEWHERE, publicUrl, trustedProxies: ["127.0.0.1"] })).toBe(publicUrl);
  });

  test.each([
    ["https://auth.example.com/login", "has a path"],
    ["https://ada:hunter2@auth.example.com", "holds a user name or a password"],
    ["https://:hunter2@auth.example.com/login", "holds a user name or a password"],
    ["https://auth.example.com?hunter2", "has a query or a fragment"],
    ["https://auth.example.com#hunter2", "has a query or a fragment"],
    ["https://auth.example.com/", "ends in a slash"],
    ["HTTPS://auth.example.com", "is not spelt as browsers spell it"],
    ["https://auth.example.com:443", "is not spelt as browsers spell it"],
    ["auth.example.com", ""],
    ["ftp://auth.example.com", ""],
    ["ftp://https:1/login", ""],
    ["wss://https:8443", ""],
    ["https://", ""],
    ["http://auth.example.com/login", "has a path"],
    ["https://*.example.com", WILDCARD],
    ["*", WILDCARD],
    ["https://ada:hunter2@*.example.com", "holds a user name or a password"],
    ["null", ""],
  ])("is refused as %s", async (publicUrl, fault) => {
    expect(await start({ publicUrl })).toEqual([fault ? `${ORIGIN}, but ${fault}` : ORIGIN]);
  });
});
