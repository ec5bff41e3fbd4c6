import { expect } from "@jest/globals";
import type { Answer, Call, Gate } from "./gate.js";

/** A password that no user has. */
export const WRONG = "nobody has this password";

const LOGIN = `mutation ($name: String!, $password: String!) {
  login(username: $name, password: $password) { access refresh }
}`;
const EMAIL_LOGIN = `mutation ($name: String!, $password: String!) {
  emailLogin(email: $name, password: $password) { access refresh }
}`;

/** Tries to log in, with a wrong password unless a test gives another. */
export function attempt(
  gate: Gate,
  name: string,
  password = WRONG,
  call: Call = {},
): Promise<Answer> {
  return gate.ask(LOGIN, { ...call, variables: { name, password } });
}

/** Tries to log in by e-mail address. */
export function attemptByEmail(
  gate: Gate,
  name: string,
  password = WRONG,
  call: Call = {},
): Promise<Answer> {
  return gate.ask(EMAIL_LOGIN, { ...call, variables: { name, password } });
}

/** Returns the header with which a proxy reports the client's address. */
export function from(address: string): Pick<Call, "headers"> {
  return { headers: { "x-forwarded-for": address } };
}

/** The response to a wrong password that was checked. */
export const REFUSED = {
  status: 401,
  code: "UNAUTHENTICATED",
  reason: "invalid_credentials",
  data: null,
};

/** Expects a refusal that tells only how many whole seconds to wait. */
export function expectThrottled(answer: Answer, retryAfter: number): void {
  expect(answer).toMatchObject({
    status: 429,
    code: "TOO_MANY_REQUESTS",
    reason: "throttled",
    data: null,
  });
  expect(answer.errors?.[0]?.message).toBe("Too many attempts. Try again later.");
  expect(answer.errors?.[0]?.extensions).toEqual({
    code: "TOO_MANY_REQUESTS",
    reason: "throttled",
    retryAfter,
  });
  expect(answer.headers.get("retry-after")).toBe(retryAfter.toString());
}

/** Counts the logins with this name that were refused after the password had been hashed. */
export function countHashed({ events }: Gate, login: string): number {
  return events.filter(
    (event) =>
      event.type === "login_failed" &&
      event.login === login &&
      event.reason === "invalid_credentials",
  ).length;
}
