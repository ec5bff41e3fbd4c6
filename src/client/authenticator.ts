import type { Failure } from "./failure.js";
import type { Result } from "./result.js";

/** The credential that a method of `navigator.credentials` returns. */
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
  readonly document?: {
    readonly visibilityState: string;
    addEventListener(type: "visibilitychange", listener: () => void): void;
    removeEventListener(type: "visibilitychange", listener: () => void): void;
  };
}

const browser = globalThis as unknown as WebAuthn;

function aborted(message: string): { readonly data: null; readonly error: Failure } {
  return { data: null, error: { reason: "passkey_aborted", message } };
}

/** Returns whether the browser can use passkeys. */
export function hasPasskeys(): boolean {
  const { PublicKeyCredential: key, navigator } = browser;
  return Boolean(key?.parseRequestOptionsFromJSON && navigator?.credentials);
}

/** Creates a passkey. Never rejects. */
export function createKey(options: object): Promise<Result<object>> {
  return use(() => {
    const publicKey = browser.PublicKeyCredential?.parseCreationOptionsFromJSON?.(options);
    return browser.navigator?.credentials?.create({ publicKey });
  });
}

/**
 * Asks the user for a passkey, and returns the response of the browser. Never rejects.
 * @param how the `mediation` and the `signal` of `navigator.credentials.get`
 */
export function useKey(options: object, how: object = {}): Promise<Result<object>> {
  return use(() => {
    const publicKey = browser.PublicKeyCredential?.parseRequestOptionsFromJSON?.(options);
    return browser.navigator?.credentials?.get({ ...how, publicKey });
  });
}

/**
 * Offers passkeys in the autofill list of a form field until the user chooses one or `signal` aborts. Requests a new
 * challenge before the old one expires, but only while the page is visible. So a hidden tab sends nothing. Never
 * rejects.
 * @param begin gets the options of a login from the server
 * @see WebAuthn 5.1.4, conditional user mediation
 */
export async function offerKeys(
  begin: () => Promise<Result<{ readonly timeout?: number }>>,
  signal: AbortSignal,
): Promise<Result<object>> {
  while (await canOffer(signal)) {
    const { data: options, error } = await begin();
    if (error) return aborted(error.message);
    const round = new AbortController();
    const end = () => {
      round.abort();
    };
    if (signal.aborted) end();
    signal.addEventListener("abort", end);
    const timer = setTimeout(end, (options.timeout ?? 300_000) * 0.8);
    const result = await useKey(options, { mediation: "conditional", signal: round.signal });
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    if (result.data || !round.signal.aborted) return result;
  }
  return aborted("This browser has no autofill of passkeys, or the offer was aborted.");
}

/** Returns whether passkeys can be offered. If so, first waits until the page is visible or `signal` aborts. */
async function canOffer(signal: AbortSignal): Promise<boolean> {
  const isAvailable = await browser.PublicKeyCredential?.isConditionalMediationAvailable?.();
  if (!hasPasskeys() || isAvailable !== true) return false;
  const { document } = browser;
  await new Promise<void>((resolve) => {
    const check = () => {
      if (document?.visibilityState === "hidden" && !signal.aborted) return;
      document?.removeEventListener("visibilitychange", check);
      signal.removeEventListener("abort", check);
      resolve();
    };
    document?.addEventListener("visibilitychange", check);
    signal.addEventListener("abort", check);
    check();
  });
  return !signal.aborted;
}

/** Tells the browser which passkeys still work, so that it stops offering others. Some browsers ignore the signal. */
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
  if (!hasPasskeys())
    return aborted("This browser has no passkeys, or the page is not served over HTTPS.");
  try {
    const credential = await run();
    if (credential) return { data: credential.toJSON(), error: null };
    return aborted("There is no passkey.");
  } catch (error) {
    // If the user has closed the dialog, the error is a `NotAllowedError`.
    return aborted(String(error));
  }
}
