import type { AuthClient } from "./auth-client.js";
import type { Failure } from "./failure.js";
import type { CompleteLoginMutation } from "./operations.generated.js";
import { COMPLETE_LOGIN } from "./second-factor-operations.js";
import type { AuthState } from "./state.js";

/** An answer to a challenge, with exactly one factor. */
export type SecondFactorAnswer =
  | { readonly totp: string }
  | { readonly recoveryCode: string }
  /** The response of the browser, as JSON. */
  | { readonly passkey: object };

const NO_CHALLENGE: Failure = {
  reason: "challenge_not_valid",
  message: "No login waits for a second step.",
};

/**
 * Answers the challenge in the state of a client. After a refusal, the state has the reason. The state keeps
 * the challenge until the server refuses the challenge itself.
 */
export async function completeLogin(
  auth: AuthClient,
  answer: SecondFactorAnswer,
): Promise<AuthState> {
  const { session, signIn } = auth.internals;
  const refusal = session.state.error;
  const challenge = refusal?.challenge;
  if (!challenge) {
    session.record(session.credentials, NO_CHALLENGE);
    return session.state;
  }
  const { failure } = await signIn<CompleteLoginMutation>({
    query: COMPLETE_LOGIN,
    variables: { challenge: challenge.token, ...answer },
  });
  // If the state has changed meanwhile, for example by another login, keep the new state.
  if (failure && session.state.error === refusal) {
    const isOver = failure.reason.startsWith("challenge_");
    session.record(session.credentials, isOver ? failure : { ...failure, challenge });
  }
  return session.state;
}

/** Drops the challenge in the state of a client. Sends nothing: the server forgets the challenge when it expires. */
export function cancelLogin(auth: AuthClient): void {
  const { session } = auth.internals;
  if (session.state.error?.challenge) session.record(session.credentials, null);
}
