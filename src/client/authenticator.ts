import type { Failure } from "./failure.js";
import type { Result } from "./result.js";

/** The result of `navigator.credentials`. */
interface PublicKeyCredential {
  toJSON(): object;
}

/** The parts of WebAuthn Level 3 that this client uses. @see https://www.w3.org/TR/webauthn-3/ */
interface WebAuthn {
  readonly PublicKeyCredential?: {
    parseCreationOptionsFromJSON?(options: object): object;
    parseRequestOptionsFromJSON?(options: object): object;
    isConditionalMediationAvailable?(): Promise<boolean>;
    signalAllAcceptedCredentials?(accepted: object): Promise<void>;
  };
  readonly navigator?: {
    readonly credentials?: {
      create(options: object): Promise<PublicKeyCredential | null>;
      get(options: object): Promise<PublicKeyCredential | null>;
    };
  };
}

const browser = globalThis as unknown as WebAuthn;

const NOT_SUPPORTED: Failure = {
  reason: "passkey_aborted",
  message: "This browser has no passkeys, or the page is not served over HTTPS.",
};

/** Returns whether the browser can use passkeys. */
export function hasPasskeys(): boolean {
  const { PublicKeyCredential: key, navigator } = browser;
  return Boolean(key?.parseRequestOptionsFromJSON && navigator?.credentials);
}

/** Returns whether the browser can offer passkeys in the list of a form's field. */
export async function canAutofill(): Promise<boolean> {
  const isAvailable = await browser.PublicKeyCredential?.isConditionalMediationAvailable?.();
  return hasPasskeys() && isAvailable === true;
}

/** Creates a passkey. Never rejects. */
export function createKey(options: object): Promise<Result<object>> {
  return use(() => {
    const publicKey = browser.PublicKeyCredential?.parseCreationOptionsFromJSON?.(options);
    return browser.navigator?.credentials?.create({ publicKey });
  });
}

/**
 * Uses a passkey. Never rejects.
 * @param how the `mediation` and the `signal` of `navigator.credentials.get`
 */
export function useKey(options: object, how: object = {}): Promise<Result<object>> {
  return use(() => {
    const publicKey = browser.PublicKeyCredential?.parseRequestOptionsFromJSON?.(options);
    return browser.navigator?.credentials?.get({ ...how, publicKey });
  });
}

/** Tells the browser which passkeys still work, so that it stops offering others. Some browsers ignore this. */
export async function signalAccepted(accepted: object): Promise<void> {
  try {
    await browser.PublicKeyCredential?.signalAllAcceptedCredentials?.(accepted);
  } catch {
    // Ignored, because the signal is only a hint to the browser.
  }
}

async function use(
  run: () => Promise<PublicKeyCredential | null> | undefined,
): Promise<Result<object>> {
  if (!hasPasskeys()) return { data: null, error: NOT_SUPPORTED };
  try {
    const credential = await run();
    if (credential) return { data: credential.toJSON(), error: null };
    return { data: null, error: { reason: "passkey_aborted", message: "There is no passkey." } };
  } catch (error) {
    // For example `NotAllowedError`, if the user has closed the dialog.
    return { data: null, error: { reason: "passkey_aborted", message: String(error) } };
  }
}
