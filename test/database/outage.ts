import { expect } from "@jest/globals";
import { type Answer, type Gate, PASSWORD, type Tokens } from "../support/gate.js";

const LOGIN = `mutation { login(username: "ada", password: "${PASSWORD}") { access } }`;

/** Words of the databases and of our statements, which no response may hold. */
const INTERNAL =
  /sqlite|malformed|not a database|disk|postgres|gate_|does not exist|terminat|SELECT|UPDATE/i;

/** The tokens of two sessions of one user. */
export interface Credentials {
  jwt: Tokens;
  fixed: Tokens;
}

export async function signIn(gate: Gate): Promise<Credentials> {
  const ada = await gate.user("ada");
  return { jwt: await gate.issue(ada, "JWT"), fixed: await gate.issue(ada, "TOKEN") };
}

/** Returns every operation that needs the database, by its name. */
export function operationsOf(
  gate: Gate,
  { jwt, fixed }: Credentials,
): [name: string, run: () => Promise<Answer>][] {
  return [
    ["me by Token", () => gate.me(fixed.authorization)],
    ["me by Bearer", () => gate.me(jwt.authorization)],
    ["login", () => gate.ask(LOGIN)],
    ["refreshToken", () => gate.refresh(jwt.refresh)],
    ["verifyToken of a static token", () => gate.verify(fixed.token)],
    ["verifyToken of an access token", () => gate.verify(jwt.access)],
    ["verifyToken of a refresh token", () => gate.verify(jwt.refresh)],
    ["logout by Token", () => gate.logout({ authorization: fixed.authorization })],
    ["logout by Bearer", () => gate.logout({ authorization: jwt.authorization })],
    ["logout by refresh token", () => gate.logout({ refresh: jwt.refresh })],
  ];
}

export function expectUnavailable(answer: Answer, operation: string): void {
  expect([operation, answer.code, answer.status]).toEqual([operation, "SERVICE_UNAVAILABLE", 503]);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(answer.errors?.[0]?.extensions["retryAfter"]).toBeGreaterThan(0);
  expect(answer.text).not.toMatch(INTERNAL);
}

/** Expects each response to be as before the outage or SERVICE_UNAVAILABLE, never UNAUTHENTICATED. */
export async function expectAnsweredOrUnavailable(running: Promise<Answer>[]): Promise<void> {
  const codes = new Set((await Promise.all(running)).map(({ code }) => code ?? "answered"));
  const others = [...codes].filter((code) => !["answered", "SERVICE_UNAVAILABLE"].includes(code));
  expect(others).toEqual([]);
}

/** Starts many requests with alternating credentials. */
export function startRequests(gate: Gate, { jwt, fixed }: Credentials): Promise<Answer>[] {
  return Array.from({ length: 200 }, (_, index) =>
    gate.me(index % 2 === 0 ? fixed.authorization : jwt.authorization),
  );
}

/** Expects that operations which need no database work during an outage. */
export async function expectDatabaseFreeOperations(
  gate: Gate,
  { fixed: { authorization } }: Credentials,
): Promise<void> {
  const { status, data } = await gate.ask("{ __typename }", { authorization });
  expect([status, data.__typename]).toEqual([200, "Query"]);
  expect((await gate.me()).reason).toBe("no_credentials");
  expect((await gate.me("Bearer nonsense")).reason).toBe("token_not_valid");
}

/** Expects every credential to work again after an outage. */
export async function expectRecovery(gate: Gate, { jwt, fixed }: Credentials): Promise<void> {
  expect((await gate.me(fixed.authorization)).data?.me.username).toBe("ada");
  expect((await gate.me(jwt.authorization)).data?.me.username).toBe("ada");
  expect((await gate.refresh(jwt.refresh)).status).toBe(200);
  expect((await fetch(`${gate.url}/health/ready`)).status).toBe(200);
}
