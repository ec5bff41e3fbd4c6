import type { AuthClient } from "./auth-client.js";
import type { User } from "./credentials.js";
import type { Failure } from "./failure.js";
import { openLoginEntry } from "./login-entry.js";
import { LOGIN_WITH_CODE, REQUEST_LOGIN_CODE } from "./login-operations.js";
import type { LoginWithCodeMutation, RequestLoginCodeMutation } from "./operations.generated.js";
import { executePublic, type Result, toResult, toUser } from "./result.js";

/** A code that this browser has requested. */
export interface PendingLoginCode {
  readonly email: string;
  /** The latest time at which the code can work. An ISO 8601 instant of the server's clock. */
  readonly expiresAt: string;
}

interface Kept extends PendingLoginCode {
  readonly proof: string;
}

/**
 * Logs users in with a code from a mail. No method rejects, and none needs `this`. A failure is in the result. It
 * changes the state of the auth client only if the login needs a second step.
 */
export interface LoginCodes {
  /**
   * Requests a mail with six digits and a link. The result does not tell whether the address has an account. The client
   * keeps the address and the server's `proof` in localStorage, or in your own storage if the option `storage` is an
   * object. The link needs this `proof`, so it normally works in every tab of this browser, and in no other browser.
   */
  readonly request: (email: string) => Promise<Result<PendingLoginCode>>;
  /**
   * Returns the address and the expiry of the last code that this browser has requested and not used, even if the code
   * has expired.
   */
  readonly pending: () => Promise<PendingLoginCode | null>;
  /**
   * Logs in with the code of a mail.
   * @param code the six digits, or the token of the link
   * @param email the address that got the mail. @default the address of {@link LoginCodes.pending}. If there is no
   * address, sends nothing, and the result has the reason `code_not_valid`
   */
  readonly login: (code: string, email?: string) => Promise<Result<User>>;
}

const NOT_REQUESTED: Failure = {
  reason: "code_not_valid",
  message: "This browser has not requested a code. Use the browser that did, or pass the address.",
};

/** Creates a client for logins with a code from a mail. Sends no request. */
export function createLoginCodes(auth: AuthClient): LoginCodes {
  const { config, signIn } = auth.internals;
  const entry = openLoginEntry<Kept>(config, "login-code", "localStorage");

  /** Returns the proof of this browser's last request, or null if that request was for another address. */
  async function proofOf(email: string): Promise<string | null> {
    const kept = await entry.read();
    return kept?.email === email ? kept.proof : null;
  }

  return {
    async request(email) {
      const variables = { email, proof: await proofOf(email) };
      const { data, error } = await executePublic<RequestLoginCodeMutation>(auth, {
        query: REQUEST_LOGIN_CODE,
        variables,
      });
      if (error) return { data: null, error };
      const { proof, expiresAt } = data;
      await entry.write({ email, proof, expiresAt });
      return { data: { email, expiresAt }, error: null };
    },
    async pending() {
      const kept = await entry.read();
      return kept && { email: kept.email, expiresAt: kept.expiresAt };
    },
    async login(code, given) {
      const email = given ?? (await entry.read())?.email;
      if (email === undefined) return { data: null, error: NOT_REQUESTED };
      const variables = { email, code, proof: await proofOf(email) };
      const operation = { query: LOGIN_WITH_CODE, variables };
      const result = toResult(await signIn<LoginWithCodeMutation>(operation));
      // A login that needs a second step has used up the code, too.
      if (!result.error || result.error.challenge) await entry.remove();
      return toUser(result);
    },
  };
}
