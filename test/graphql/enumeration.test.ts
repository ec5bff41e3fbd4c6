import { beforeAll, expect, test } from "@jest/globals";
import { hash } from "@node-rs/argon2";
import { expectAlike } from "../support/alike.js";
import { attempt, REFUSED, WRONG } from "../support/attempts.js";
import { type Answer, PASSWORD, setUpGate } from "../support/gate.js";

const ROUNDS = 100;
/** The number of accounts of each kind. With so many, none is locked or throttled. */
const ACCOUNTS = 16;
/** The largest relative difference between the medians of two kinds of refusal. */
const ALIKE = 0.05;

/** The kinds of refused logins. The last kind is made 50 % slower, to show that the test would detect that. */
const KINDS: Readonly<Record<string, readonly [name: string, password: string]>> = {
  unknown: ["nobody", WRONG],
  wrong: ["ada", WRONG],
  inactive: ["idle", PASSWORD],
  locked: ["locked", PASSWORD],
  slower: ["slow", WRONG],
};

const gate = setUpGate({ hashConcurrency: 1, loginFailureLimit: 100 });

beforeAll(async () => {
  const slowly = await hash(PASSWORD, {
    memoryCost: 19_456,
    timeCost: 3,
    parallelism: 1,
  });
  for (let account = 0; account < ACCOUNTS; account += 1) {
    await gate.user(`ada${account}`);
    await gate.auth.accounts.setActive(await gate.user(`idle${account}`), false);
    const locked = await gate.user(`locked${account}`);
    await gate.sql(`UPDATE "user" SET failed_logins = 100 WHERE id = ?`, [locked]);
    const slow = await gate.user(`slow${account}`);
    await gate.sql(`UPDATE "user" SET password_hash = ? WHERE id = ?`, [slowly, slow]);
  }
});

function login(kind: string, account: number, headers: Record<string, string> = {}) {
  const [name, password] = KINDS[kind] as [string, string];
  return attempt(gate, `${name}${account}`, password, { headers });
}

/** Returns the parts of a response that could distinguish one refusal from another. */
const visible = ({ status, headers, text }: Answer) => ({
  status,
  text,
  headers: [...headers].filter(([name]) => name !== "date").sort(),
});

test.each(["application/graphql-response+json", "application/json", "*/*"])(
  "LG-1, L-02, L-15: unknown, wrong, inactive and locked get byte-identical responses in %s",
  async (accept) => {
    const unknown = await login("unknown", 0, { accept });
    expect(unknown).toMatchObject({ ...REFUSED, status: unknown.status });
    for (const kind of ["wrong", "inactive", "locked"]) {
      expect([kind, visible(await login(kind, 0, { accept }))]).toEqual([kind, visible(unknown)]);
    }
  },
);

test("LG-1, PW-10, L-04: unknown, wrong, inactive and locked take the same time within 5%, a margin that reveals a slower hash", async () => {
  const kinds = Object.keys(KINDS).map((kind) => [
    kind,
    async (round: number) => {
      expect((await login(kind, round % ACCOUNTS)).reason).toBe("invalid_credentials");
    },
  ]);
  await expectAlike(Object.fromEntries(kinds), {
    margin: ALIKE,
    rounds: ROUNDS,
    control: "slower",
  });
}, 900_000);
