import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { JWTPayload } from "jose";
import { describeFreshGates, describeGates, setUpFreshGate } from "../../support/gate.js";
import { answered, begin, begun, complete, logIn } from "./calls.js";
import { newKey, type Person, sign } from "./identity-server.js";
import { FAILED, startProvider } from "./setup.js";

const MINUTE = 60;
const METADATA = "/.well-known/openid-configuration";

const { server, options: OPTIONS } = await startProvider();

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const json = (body: unknown, status = 200): Handler => {
  return (_request, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
};

/** Answers with text of two mebibytes. */
const tooLarge: Handler = (_request, response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(`{"x":"${"x".repeat(2 ** 21)}"}`);
};

/** Starts an answer, and never ends it. */
const slow: Handler = (_request, response) => {
  response.writeHead(200, { "content-type": "application/json" }).write("{");
};

const WRONG_ANSWERS: [what: string, code: string, answer: Handler][] = [
  ["a megabyte", "too_large", tooLarge],
  ["an error", "OAUTH_RESPONSE_IS_NOT_CONFORM", json({ error: "x" }, 500)],
  ["a list", "OAUTH_INVALID_RESPONSE", json([])],
  ["HTML", "OAUTH_RESPONSE_IS_NOT_JSON", (_request, response) => response.end("<p>Hello.</p>")],
  [
    "half of an object",
    "OAUTH_PARSE_ERROR",
    (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end(`{"issuer":`);
    },
  ],
  [
    "a redirect",
    "OAUTH_RESPONSE_IS_NOT_CONFORM",
    (_request, response) => {
      response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data" }).end();
    },
  ],
  ["a broken connection", "UND_ERR_SOCKET", (request) => request.socket.destroy()],
];

/** An error of the provider that looks as if it had many causes. */
const deepRefusal: Handler = (_request, response) => {
  const depth = 20_000;
  const cause = `${'{"cause":'.repeat(depth)}{"code":"ada@example.com"}${"}".repeat(depth)}`;
  response.writeHead(400, { "content-type": "application/json" });
  response.end(`{"error":"invalid_grant","cause":${cause}}`);
};

let count = 0;
function newPerson(): Person {
  const sub = `person-${(count += 1)}`;
  return { sub, email: `${sub}@example.com`, email_verified: true };
}

beforeEach(() => {
  server.reset();
});

describeFreshGates(OPTIONS, (gate) => {
  const refusals = () => gate.events.map(({ type, details }: any) => [type, details]);

  describe("a provider whose metadata is wrong", () => {
    test.each([
      ...WRONG_ANSWERS,
      [
        "another issuer",
        "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED",
        json({ issuer: "https://evil.example" }),
      ],
      ["no issuer", "OAUTH_INVALID_RESPONSE", json({})],
    ] as const)("EX-5: %s: refused, and nothing is stored", async (_what, code, answer) => {
      server.behaviour = { answers: { [METADATA]: answer } };
      expect(await begin(gate)).toMatchObject(FAILED);
      expect(refusals()).toEqual([["external-login:refused", { provider: "corp", code }]]);
      expect(await gate.sql("SELECT * FROM external_login")).toEqual([]);
    });

    test.each([
      "javascript:alert(document.domain)//",
      "data:text/html,x",
      "app://login",
      "not a URL",
      undefined,
    ])("without a web address for its login page: refused (%#)", async (authorization_endpoint) => {
      server.behaviour = { metadata: { authorization_endpoint } };
      expect(await begin(gate)).toMatchObject(FAILED);
      expect(await gate.sql("SELECT * FROM external_login")).toEqual([]);
    });

    test("without keys: refused, because no token could be verified", async () => {
      server.behaviour = { metadata: { jwks_uri: undefined } };
      expect(await begin(gate)).toMatchObject(FAILED);
    });
  });

  describe("the metadata", () => {
    test("are loaded once for all logins, and again after an hour", async () => {
      await Promise.all([begun(gate), begun(gate), begun(gate)]);
      gate.advance(3599);
      await begun(gate);
      expect(server.requests).toEqual([METADATA]);
      gate.advance(1);
      await begun(gate);
      expect(server.requests).toEqual([METADATA, METADATA]);
    });

    test("are still used while the provider is away", async () => {
      await begun(gate);
      gate.advance(3600);
      server.behaviour = { answers: { [METADATA]: json({}, 503) } };
      await begun(gate);
      await begun(gate);
      expect(server.requests).toEqual([METADATA, METADATA]);
    });

    test("are asked for at most every 10 seconds while the provider is away", async () => {
      server.behaviour = { answers: { [METADATA]: json({}, 503) } };
      for (let turn = 0; turn < 3; turn += 1) expect(await begin(gate)).toMatchObject(FAILED);
      expect(server.requests).toEqual([METADATA]);
      server.behaviour = {};
      gate.advance(9);
      expect(await begin(gate)).toMatchObject(FAILED);
      gate.advance(1);
      await begun(gate);
    });
  });
});

describeGates(OPTIONS, (gate) => {
  beforeEach(() => {
    gate.events.length = 0;
  });

  const countRows = async (table: string) =>
    Number((await gate.sql(`SELECT count(*) AS total FROM ${table}`))[0].total);

  /** Completes a login. Expects that it is refused for this reason, and that no user is created or logged in. */
  async function expectRefused(code: string): Promise<void> {
    const tables = ["user", "session", "linked_account", "external_login"];
    const counts = () => Promise.all(tables.map((table) => countRows(`"${table}"`)));
    const before = await counts();
    gate.events.length = 0;
    expect(await logIn(gate, server, newPerson())).toMatchObject(FAILED);
    expect(gate.events).toEqual([
      { type: "external-login:refused", details: { provider: "corp", code } },
    ]);
    expect(await counts()).toEqual(before);
  }

  describe("an answer with a code", () => {
    test.each(WRONG_ANSWERS)(
      "EX-5: is refused if the token endpoint answers %s",
      async (_what, code, answer) => {
        server.behaviour = { answers: { "/token": answer } };
        await expectRefused(code);
      },
    );

    test("EX-5: is refused, and the audit trail has no text of the provider", async () => {
      const answer = json({ error: "invalid_grant", code: "ada@example.com" }, 400);
      for (const refusal of [answer, deepRefusal]) {
        server.behaviour = { answers: { "/token": refusal } };
        await expectRefused("OAUTH_RESPONSE_BODY_ERROR");
      }
    });

    test.each(WRONG_ANSWERS.filter(([what]) => what !== "an error"))(
      "is refused if the user info endpoint answers %s",
      async (_what, code, answer) => {
        server.behaviour = { answers: { "/me": answer } };
        await expectRefused(code);
      },
    );

    test("is refused if the user info is about another user", async () => {
      const body = { sub: "eve", email: "eve@example.com", email_verified: true };
      server.behaviour = { answers: { "/me": json(body) } };
      await expectRefused("OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED");
    });
  });

  describe("an ID token", () => {
    const now = () => Math.floor(Date.now() / 1000);
    const changes: [what: string, code: string, change: () => object][] = [
      [
        "of another issuer",
        "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
        () => ({ iss: "https://evil.example" }),
      ],
      ["for another client", "OAUTH_JWT_CLAIM_COMPARISON_FAILED", () => ({ aud: "another" })],
      [
        "for several clients",
        "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
        () => ({ aud: ["gatehouse", "another"] }),
      ],
      [
        "with another nonce",
        "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
        () => ({ nonce: "x".repeat(43) }),
      ],
      ["without a nonce", "OAUTH_INVALID_RESPONSE", () => ({ nonce: undefined })],
      ["without a user", "OAUTH_INVALID_RESPONSE", () => ({ sub: undefined })],
      ["with an endless user id", "wrong_sub", () => ({ sub: "x".repeat(256) })],
      [
        "that expired 5 minutes ago",
        "OAUTH_JWT_TIMESTAMP_CHECK_FAILED",
        () => ({ exp: now() - 5 * MINUTE }),
      ],
      ["that does not expire", "OAUTH_INVALID_RESPONSE", () => ({ exp: undefined })],
      [
        "of a clock that is 5 minutes ahead",
        "issued_in_future",
        () => ({ iat: now() + 5 * MINUTE, exp: now() + 6 * MINUTE }),
      ],
    ];
    test.each(changes)("EX-5: %s is refused", async (_what, code, change) => {
      server.behaviour = {
        idToken: (claims) => sign({ ...claims, ...change() }, server.key),
      };
      await expectRefused(code);
    });

    test("of a clock that is 5 minutes behind is accepted while it has not expired", async () => {
      server.behaviour = {
        idToken: (claims) => sign({ ...claims, iat: now() - 5 * MINUTE }, server.key),
      };
      expect((await logIn(gate, server, newPerson())).status).toBe(200);
    });

    test("is refused while the server's own clock is 5 minutes behind", async () => {
      gate.advance(-5 * MINUTE);
      try {
        await expectRefused("issued_in_future");
      } finally {
        gate.advance(5 * MINUTE);
      }
      expect((await logIn(gate, server, newPerson())).status).toBe(200);
    });

    const unsigned = (claims: JWTPayload) =>
      [{ alg: "none" }, claims]
        .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
        .join(".") + ".";
    test.each([
      ["without a signature", unsigned],
      ["with the signature of a stranger's key", (claims: JWTPayload) => sign(claims, newKey())],
      [
        "with a stranger's signature and the provider's key id",
        (claims: JWTPayload) => sign(claims, { ...newKey(), kid: String(server.key.kid) }),
      ],
      ["that is no token", () => "x.y.z"],
    ])("%s is refused", async (_what, idToken) => {
      server.behaviour = { idToken };
      const before = await countRows("linked_account");
      expect(await logIn(gate, server, newPerson())).toMatchObject(FAILED);
      expect(await countRows("linked_account")).toBe(before);
    });

    test("is required", async () => {
      server.behaviour = {
        answers: { "/token": json({ access_token: "x", token_type: "Bearer" }) },
      };
      await expectRefused("OAUTH_INVALID_RESPONSE");
    });
  });
});

describe("keys that rotate", () => {
  const gate = setUpFreshGate(OPTIONS);
  let skipped = 0;

  /** Moves the clocks of the provider's library, of our library and of the gate. */
  function advance(seconds: number): void {
    skipped += seconds * 1000;
    gate.advance(seconds);
  }

  beforeEach(() => {
    skipped = 0;
    const { now } = Date;
    jest.spyOn(Date, "now").mockImplementation(() => now() + skipped);
  });

  afterEach(() => {
    jest.mocked(Date.now).mockRestore();
  });

  const askedForKeys = () => server.requests.filter((path) => path === "/jwks").length;

  test("a new key is loaded, but keys are loaded at most once a minute", async () => {
    const person = newPerson();
    expect((await logIn(gate, server, person)).status).toBe(200);
    server.rotate();
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await logIn(gate, server, person)).toMatchObject(FAILED);
    }
    expect(askedForKeys()).toBe(1);
    advance(61);
    expect((await logIn(gate, server, person)).status).toBe(200);
    expect((await logIn(gate, server, person)).status).toBe(200);
    expect(askedForKeys()).toBe(2);
  });

  test("a key that the provider has withdrawn is refused after 5 minutes", async () => {
    const person = newPerson();
    await logIn(gate, server, person);
    const stolen = server.key;
    server.rotate();
    advance(301);
    server.behaviour = { idToken: (claims) => sign(claims, stolen) };
    expect(await logIn(gate, server, person)).toMatchObject(FAILED);
  });

  test.each([
    ["a megabyte", tooLarge],
    ["an error", json({}, 500)],
  ] as const)(
    "a provider that answers %s in place of its keys is refused, and can be used later",
    async (_what, answer) => {
      const person = newPerson();
      server.behaviour = { answers: { "/jwks": answer } };
      expect(await logIn(gate, server, person)).toMatchObject(FAILED);
      server.reset();
      expect((await logIn(gate, server, person)).status).toBe(200);
    },
  );
});

describe("a provider that never ends its answer", () => {
  const gate = setUpFreshGate(OPTIONS);

  test("EX-5: is refused after some seconds, wherever it is slow", async () => {
    const other = await gate.another();
    const given = await answered(gate, server, newPerson());
    server.behaviour = { answers: { [METADATA]: slow, "/token": slow } };
    const answers = await Promise.all([begin(other), complete(gate, given)]);
    expect(answers).toMatchObject([FAILED, FAILED]);
    const events = [...gate.events, ...other.events];
    const codes = events.map(({ details }: any) => details.code);
    expect(codes).toEqual(["ETIMEDOUT", "ETIMEDOUT"]);
  });
});
