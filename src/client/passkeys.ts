import type { AuthClient } from "./auth-client.js";
import { createKey, hasPasskeys, offerKeys, signalAccepted, useKey } from "./authenticator.js";
import type { User } from "./credentials.js";
import type { Challenge } from "./failure.js";
import type {
  AddPasskeyMutation,
  BeginPasskeyLoginMutation,
  BeginPasskeyRegistrationMutation,
  PasskeyLoginMutation,
  PasskeysQuery,
  RemovePasskeyMutation,
  RenamePasskeyMutation,
} from "./operations.generated.js";
import {
  ADD_PASSKEY,
  BEGIN_PASSKEY_LOGIN,
  BEGIN_PASSKEY_REGISTRATION,
  PASSKEY_LOGIN,
  PASSKEYS,
  REMOVE_PASSKEY,
  RENAME_PASSKEY,
} from "./passkey-operations.js";
import { executePublic, executeSignedIn, type Result, toResult, toUser } from "./result.js";

export type Passkey = PasskeysQuery["passkeys"][number];
export type AddedPasskey = AddPasskeyMutation["addPasskey"];

/**
 * Logs users in with passkeys, and manages the passkeys of the signed-in user. No method rejects, and none needs
 * `this`. If the user closes the browser's dialog, or the browser cannot use passkeys, the error has the reason
 * `passkey_aborted`.
 */
export interface Passkeys {
  /** Returns whether the browser can use passkeys. */
  readonly isSupported: () => boolean;
  /** Logs in with a passkey, in a dialog of the browser. */
  readonly login: () => Promise<Result<User>>;
  /**
   * Offers passkeys in the autofill list of the field with `autocomplete="username webauthn"`, and logs in when the
   * user chooses one. Call it when the page opens, because browsers make the list when the field gets the focus. Sends
   * nothing if the browser has no such list, or while the page is hidden. Abort `signal` when the user logs in another
   * way or leaves the page. If the user chose no passkey, the error has the reason `passkey_aborted`, and need not be
   * shown.
   */
  readonly autofill: (signal: AbortSignal) => Promise<Result<User>>;
  /**
   * Uses a passkey without logging in.
   * @param challenge the challenge of a login that needs a second step. The browser then offers only the passkeys of
   * the user who logs in
   * @returns the value of `passkey` for `completeLogin` and `reauthenticate`
   */
  readonly prove: (challenge?: Challenge) => Promise<Result<object>>;
  /**
   * Creates a passkey, and adds it to the signed-in user. The user must have proved who they are in the last 15
   * minutes, by a second factor if the user has one.
   * @param label 1 to 64 characters, such as `Work laptop`
   * @returns the passkey and `recoveryCodes`, which cannot be read again. The codes are null unless the passkey is the
   * user's first second factor
   */
  readonly add: (label: string) => Promise<Result<AddedPasskey>>;
  /** Returns the passkeys of the signed-in user, oldest first. */
  readonly list: () => Promise<Result<PasskeysQuery["passkeys"]>>;
  readonly rename: (
    id: string,
    label: string,
  ) => Promise<Result<RenamePasskeyMutation["renamePasskey"]>>;
  /** Removes a passkey, and tells the browser to stop offering it. Needs the same proof as {@link Passkeys.add}. */
  readonly remove: (id: string) => Promise<Result<RemovePasskeyMutation["removePasskey"]>>;
}

/** Creates a client for passkeys. Sends no request. */
export function createPasskeys(auth: AuthClient): Passkeys {
  const { signIn } = auth.internals;

  const begin = async (challenge?: Challenge): Promise<Result<object>> => {
    const begun = await executePublic<BeginPasskeyLoginMutation>(auth, {
      query: BEGIN_PASSKEY_LOGIN,
      variables: { challenge: challenge?.token },
    });
    return begun.error ? begun : { data: begun.data.options as object, error: null };
  };

  async function prove(challenge?: Challenge): Promise<Result<object>> {
    const { data: options, error } = await begin(challenge);
    return error ? { data: null, error } : useKey(options);
  }

  async function logInBy({ data: response, error }: Result<object>): Promise<Result<User>> {
    if (error) return { data: null, error };
    const operation = { query: PASSKEY_LOGIN, variables: { response } };
    return toUser(toResult(await signIn<PasskeyLoginMutation>(operation)));
  }

  return {
    isSupported: hasPasskeys,
    login: async () => logInBy(await prove()),
    autofill: async (signal) => logInBy(await offerKeys(begin, signal)),
    prove,
    async add(label) {
      const { data, error } = await executeSignedIn<BeginPasskeyRegistrationMutation>(auth, {
        query: BEGIN_PASSKEY_REGISTRATION,
      });
      if (error) return { data: null, error };
      const { data: response, error: failure } = await createKey(data.options as object);
      if (failure) return { data: null, error: failure };
      const operation = { query: ADD_PASSKEY, variables: { label, response } };
      return executeSignedIn<AddPasskeyMutation>(auth, operation);
    },
    list: () => executeSignedIn<PasskeysQuery>(auth, { query: PASSKEYS }),
    rename: (id, label) =>
      executeSignedIn<RenamePasskeyMutation>(auth, {
        query: RENAME_PASSKEY,
        variables: { id, label },
      }),
    async remove(id) {
      const result = await executeSignedIn<RemovePasskeyMutation>(auth, {
        query: REMOVE_PASSKEY,
        variables: { id },
      });
      if (result.data) {
        const { passkey, acceptedCredentialIds: allAcceptedCredentialIds } = result.data;
        const { rpId, userHandle: userId } = passkey;
        await signalAccepted({ rpId, userId, allAcceptedCredentialIds });
      }
      return result;
    },
  };
}
