import { eventually } from "../../support/eventually.js";
import type { Answer, Call, Gate, Tokens } from "../../support/gate.js";
import { type MailServer, type ReceivedMail, tokenIn } from "../../support/mail-server.js";

/** A password that is strong enough, and that no user has at first. */
export const NEXT = "another long and unused phrase";

const DOCUMENTS = {
  requestPasswordReset: `mutation ($email: String!) { requestPasswordReset(email: $email) { message } }`,
  resetPassword: `mutation ($token: String!, $newPassword: String!) {
    resetPassword(token: $token, newPassword: $newPassword) { message sessionsEnded }
  }`,
  changePassword: `mutation ($currentPassword: String!, $newPassword: String!) {
    changePassword(currentPassword: $currentPassword, newPassword: $newPassword) { message sessionsEnded }
  }`,
  changeEmail: `mutation ($newEmail: String!) { changeEmail(newEmail: $newEmail) { message } }`,
  confirmEmailChange: `mutation ($token: String!) { confirmEmailChange(token: $token) { message } }`,
  deleteAccount: `mutation { deleteAccount { message } }`,
};

/** Calls a mutation of the feature. */
export function call(
  gate: Gate,
  name: keyof typeof DOCUMENTS,
  variables: Record<string, unknown> = {},
  rest: Call = {},
): Promise<Answer> {
  return gate.ask(DOCUMENTS[name], { ...rest, variables });
}

/** Opens a fresh session, as a login does, but without checking a password. */
export async function signIn(
  gate: Gate,
  userId: string,
  scheme: "JWT" | "SLIDING" | "TOKEN" = "JWT",
): Promise<Tokens> {
  const [{ version }] = (await gate.sql(
    `SELECT credentials_version AS version FROM "user" WHERE id = ?`,
    [userId],
  )) as [{ version: number }];
  const { authentication } = gate.core;
  const issued = await authentication.issue(userId, { scheme, credentialsVersion: version });
  const { token, access, refresh, principal } = issued;
  const authorization = scheme === "TOKEN" ? `Token ${token}` : `Bearer ${token ?? access}`;
  return { scheme, token, access, refresh, session: principal.session, authorization } as Tokens;
}

/** Returns the mails that have a link. Notices of earlier tests may arrive between them. */
export function linksIn({ mails }: MailServer): ReceivedMail[] {
  return mails.filter(({ text }) => tokenIn(text) !== "");
}

/** Waits for a mail with a link to an address, and returns the token of the latest one. */
export async function newTokenTo(smtp: MailServer, address: string): Promise<string> {
  const found = () => linksIn(smtp).findLast(({ recipients }) => recipients.includes(address));
  await eventually(() => found() !== undefined);
  return tokenIn(found()?.text);
}

/** Waits for a mail with this subject to an address. */
export async function noticeTo(smtp: MailServer, address: string, subject: string): Promise<void> {
  await eventually(() =>
    smtp.mails.some((mail) => mail.recipients.includes(address) && mail.subject === subject),
  );
}
