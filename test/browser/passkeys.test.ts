import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "@jest/globals";
import { describeBrowser, openBrowser, testWith } from "../support/browsers/index.js";
import { Gate } from "../support/gate.js";
import { signIn } from "../features/recovery/calls.js";

/** A script that does what the pages of docs/passkeys.md do, and returns the data of each response. */
const scriptOf = (url: string, authorization: string) => `(async () => {
  const ask = async (query, variables, headers = {}) => {
    const response = await fetch("${url}/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(errors[0].message);
    return data;
  };
  const own = { authorization: "${authorization}" };
  const begun = await ask("mutation { beginPasskeyRegistration { options } }", {}, own);
  const made = await navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(begun.beginPasskeyRegistration.options),
  });
  const added = await ask(
    'mutation ($response: JSON!) { addPasskey(label: "Laptop", response: $response) { passkey { label transports } } }',
    { response: made.toJSON() },
    own,
  );
  const login = await ask("mutation { beginPasskeyLogin { options } }");
  const used = await navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(login.beginPasskeyLogin.options),
  });
  const opened = await ask(
    "mutation ($response: JSON!) { passkeyLogin(response: $response) { user { username } session { methods } } }",
    { response: used.toJSON() },
  );
  return { ...added, ...opened };
})()`;

describeBrowser("passkeys, in a browser", () => {
  testWith("authenticator")(
    "a user adds a passkey, and logs in by it without a user name",
    async () => {
      const gate = await Gate.open({ passkeys: true, publicUrl: undefined });
      const page = '<!doctype html><link rel="icon" href="data:,"><title>Page</title>';
      const server = createServer((_request, response) => response.end(page));
      await once(server.listen(0, "127.0.0.1"), "listening");
      const browser = await openBrowser();
      try {
        const ignored = { problem: () => undefined, request: () => undefined };
        const tab = await (await browser.newPerson({}, ignored)).newPage();
        await browser.addAuthenticator?.(tab);
        await tab.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
        const { authorization } = await signIn(gate, await gate.user("ada"));
        expect(await tab.evaluate(scriptOf(gate.url, authorization))).toEqual({
          addPasskey: { passkey: { label: "Laptop", transports: ["internal"] } },
          passkeyLogin: {
            user: { username: "ada" },
            session: { methods: ["hwk", "user", "mfa"] },
          },
        });
      } finally {
        await browser.close();
        server.closeAllConnections();
        server.close();
        await gate.close();
      }
    },
  );
});
