import { describe, expect, test } from "@jest/globals";
import { Gate, setUpGate } from "../../support/gate.js";

const gate = setUpGate();

const asBrowser = { headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" } };

async function readPage() {
  const response = await fetch(`${gate.url}/graphql`, asBrowser);
  const text = await response.text();
  const links = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
  return { response, text, links };
}

describe("GraphiQL", () => {
  test("is served at GET /graphql under a policy that lets no foreign or inline script run", async () => {
    const { response } = await readPage();
    const policy = response.headers.get("content-security-policy");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(policy).toContain("default-src 'none'; script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
  });

  test("loads every file from this server, and none from a CDN", async () => {
    const { text, links } = await readPage();
    expect(text).not.toMatch(/https?:/);
    const files = links.filter((link) => !link.startsWith("data:"));
    expect(files.length).toBeGreaterThanOrEqual(6);
    for (const file of files) {
      const response = await fetch(new URL(file, gate.url));
      expect([file, response.status]).toEqual([file, 200]);
      expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(0);
    }
  });

  test("has tabs to log in, query `me`, refresh and log out, each valid for our schema", async () => {
    const script = await (await fetch(`${gate.url}/graphiql/main.js`)).text();
    const documents = [...script.matchAll(/query: `([^`]+)`/g)].map(([, query]) => query!);
    expect(documents).toHaveLength(4);
    for (const query of documents) {
      const { code } = await gate.ask(query, {
        variables: { username: "", password: "", refresh: "" },
      });
      expect(code).not.toBe("GRAPHQL_VALIDATION_FAILED");
      expect(code).not.toBe("GRAPHQL_PARSE_FAILED");
    }
  });

  test("is not served to a client that does not accept HTML, or if it is switched off", async () => {
    const asClient = await fetch(`${gate.url}/graphql`, {
      headers: { accept: "application/json" },
    });
    expect([asClient.status, asClient.headers.get("allow")]).toEqual([405, "POST"]);
    const without = await Gate.open({ graphiql: false });
    try {
      const page = await fetch(`${without.url}/graphql`, asBrowser);
      expect([page.status, page.headers.get("allow")]).toEqual([405, "POST"]);
      expect((await fetch(`${without.url}/graphiql/main.js`)).status).toBe(404);
    } finally {
      await without.close();
    }
  });
});
