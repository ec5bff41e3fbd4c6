import type { NewUser } from "../../../src/accounts/accounts.js";
import { type Answer, type Call, type Gate, PASSWORD, type Tokens } from "../../support/gate.js";
import { codeAt, STEP } from "../../support/totp.js";

const LOGIN = `mutation ($username: String!, $password: String!) {
  login(username: $username, password: $password) { access }
}`;
const COMPLETE = `mutation ($challenge: String!, $totp: String, $recoveryCode: String, $passkey: JSON, $scheme: AuthScheme! = JWT) {
  completeLogin(challenge: $challenge, totp: $totp, recoveryCode: $recoveryCode, passkey: $passkey, scheme: $scheme) {
    scheme token access refresh session { id methods } user { id username }
  }
}`;
const REAUTHENTICATE = `mutation ($password: String, $totp: String, $recoveryCode: String) {
  reauthenticate(password: $password, totp: $totp, recoveryCode: $recoveryCode) { message authenticatedAt }
}`;
const CONFIRM = `mutation ($code: String!) { confirmTotp(code: $code) { message recoveryCodes } }`;

/** Returns another code of six digits. */
export const notThe = (code: string, by = 1) =>
  String((Number(code) + by) % 1_000_000).padStart(6, "0");

export interface Given {
  readonly totp?: string;
  readonly recoveryCode?: string;
  readonly passkey?: unknown;
  readonly scheme?: string;
}

/** A user with an app that shows codes. */
export interface Enrolled extends Tokens {
  readonly id: string;
  readonly name: string;
  readonly secret: string;
  readonly recoveryCodes: readonly string[];
  /**
   * Returns the code that the app shows.
   * @param drift how far the app's clock is ahead, in seconds
   */
  code(this: void, drift?: number): string;
}

let count = 0;

export function newName(): string {
  return `user${(count += 1)}`;
}

export const beginTotp = (gate: Gate, authorization: string) =>
  gate.ask("mutation { beginTotp { secret uri qr expiresAt } }", { authorization });

export const confirmTotp = (gate: Gate, authorization: string, code: string) =>
  gate.ask(CONFIRM, { authorization, variables: { code } });

export const disableTotp = (gate: Gate, authorization: string) =>
  gate.ask("mutation { disableTotp { message } }", { authorization });

export const readState = (gate: Gate, authorization: string) =>
  gate.ask("{ secondFactor { factors recoveryCodesLeft isRequired } }", { authorization });

/** Adds an app to the user of a session. */
export async function enrol(gate: Gate, authorization: string) {
  const begun = await beginTotp(gate, authorization);
  if (!begun.data) throw new Error(`beginTotp was refused: ${begun.text}`);
  const { secret } = begun.data.beginTotp as { secret: string };
  const { data, text } = await confirmTotp(gate, authorization, codeAt(secret, gate.now));
  if (!data) throw new Error(`confirmTotp was refused: ${text}`);
  return { secret, recoveryCodes: data.confirmTotp.recoveryCodes as string[] };
}

/** Creates a user with an app. Moves the clock, so that the app shows a code that was not used yet. */
export async function enrolled(gate: Gate, rest: Partial<NewUser> = {}): Promise<Enrolled> {
  const name = newName();
  const id = await gate.user(name, rest);
  const tokens = await gate.login(name);
  const { secret, recoveryCodes } = await enrol(gate, tokens.authorization);
  gate.advance(STEP);
  gate.events.length = 0;
  const code = (drift = 0) => codeAt(secret, gate.now + drift * 1000);
  return { ...tokens, id, name, secret, recoveryCodes, code };
}

/** Sends the right password. */
export const login = (gate: Gate, username: string, call: Call = {}): Promise<Answer> =>
  gate.ask(LOGIN, { ...call, variables: { username, password: PASSWORD } });

/** Sends the right password, and returns the token of the challenge. */
export async function challengeOf(gate: Gate, username: string): Promise<string> {
  return tokenIn(await login(gate, username));
}

export function tokenIn({ errors, text }: Answer): string {
  const token: unknown = errors?.[0]?.extensions["challenge"]?.token;
  if (typeof token !== "string") throw new Error(`There is no challenge: ${text}`);
  return token;
}

export const complete = (gate: Gate, challenge: string, given: Given, call: Call = {}) =>
  gate.ask(COMPLETE, { ...call, variables: { challenge, ...given } });

export const reauthenticate = (
  gate: Gate,
  authorization: string,
  given: Given & { password?: string },
) => gate.ask(REAUTHENTICATE, { authorization, variables: { ...given } });

/** Logs in by password and code. Moves the clock, so that the app shows another code. */
export async function signIn(gate: Gate, user: Enrolled): Promise<string> {
  const { data, text } = await complete(gate, await challengeOf(gate, user.name), {
    totp: user.code(),
  });
  if (!data) throw new Error(`completeLogin was refused: ${text}`);
  gate.advance(STEP);
  return `Bearer ${data.completeLogin.access}`;
}
