import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { setUpGate } from "../../support/gate.js";
import { refusedByCommand, refusedByServer } from "../../support/wrong-settings.js";

const secret = (bytes = 32) => randomBytes(bytes).toString("base64url");
const RULE =
  "oauthClients: must be ID:SECRET, with a secret of 32 or more random letters, digits and . _ ~ -, but one of them is not; `gatehouse generate-secret` makes a secret";

test.each([
  ["without a secret", "orders"],
  ["with an empty id", `:${secret()}`],
  ["with a short secret", `orders:${secret(23)}`],
  ["with a long secret", `orders:${"abcdefgh".repeat(32)}`],
  ["with a secret that a person made up", "orders:the-secret-of-the-orders-service-canary"],
  ["with a secret of few characters", `orders:${"ab".repeat(16)}`],
  ["with characters that clients encode differently", `orders:${secret()}+canary`],
  ["with a colon in the secret", `orders:${secret()}:canary`],
  ["with a space", `my orders:${secret()}`],
])("a client %s is refused, and is not repeated", async (_what, client) => {
  const oauthClients = [`billing:${secret()}`, client];
  expect(await refusedByServer({ oauth: true, oauthClients })).toEqual([RULE]);
});

test("OAUTH needs clients, and two clients must not share a secret", () => {
  expect(refusedByCommand({ OAUTH: "on" })).toEqual(["OAUTH_CLIENTS: is required with OAUTH"]);
  const shared = secret();
  const variable = `orders:${shared},billing:${shared}`;
  expect(refusedByCommand({ OAUTH: "on", OAUTH_CLIENTS: variable })).toEqual([
    "OAUTH_CLIENTS: must not hold the same secret twice",
  ]);
  const rotated = `orders:${secret()}, orders:${secret()}`;
  expect(refusedByCommand({ OAUTH: "on", OAUTH_CLIENTS: rotated })).toEqual([]);
});

const [current, previous] = [secret(), secret()];
const gate = setUpGate({ oauth: true, oauthClients: [`orders:${current}`, `orders:${previous}`] });

test("during a rotation, both secrets of a client work", async () => {
  for (const [given, status] of [
    [current, 200],
    [previous, 200],
    [secret(), 401],
  ] as const) {
    const response = await fetch(`${gate.url}/oauth/introspect`, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`orders:${given}`).toString("base64")}` },
      body: new URLSearchParams({ token: "a" }),
    });
    expect(response.status).toBe(status);
  }
});
