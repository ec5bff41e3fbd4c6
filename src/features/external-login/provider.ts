/** The values of a login that are sent to the provider, or kept until the provider answers. */
export interface Request {
  readonly redirectTo: string;
  readonly state: string;
  readonly nonce: string;
  /** @see RFC 7636 4.1 */
  readonly codeVerifier: string;
}

/** A login, with the parameters that the provider has added to `redirectTo`. */
export interface ProviderAnswer extends Request {
  readonly code: string;
  /** @see RFC 9207 2 */
  readonly iss: string | null;
}

/** The description of a user by a provider. */
export interface Profile {
  /** The e-mail address. Null if there is none, or if the provider does not say that it belongs to the user. */
  readonly email: string | null;
  /** The user's names at the provider, best first. */
  readonly names: readonly string[];
}

/** How many code points {@link shownName} returns at most. */
const NAME_MAX_LENGTH = 254;

/**
 * Returns the address, or the best of the names if there is no address, in a form that every database can store.
 * Returns null if that text is empty.
 */
export function shownName({ email, names: [name = ""] }: Profile): string | null {
  const text = (email ?? name).slice(0, 2 * NAME_MAX_LENGTH).toWellFormed();
  const shown = text.replaceAll(/\p{Cc}/gu, "");
  return Array.from(shown).slice(0, NAME_MAX_LENGTH).join("") || null;
}

/** A user of a provider, whom the provider has authenticated. */
export interface Identity {
  /** Unique together with `subject`. */
  readonly issuer: string;
  readonly subject: string;
  /** Returns the profile. Asks the provider for it if `identify` did not get it. */
  readProfile(this: void): Promise<Profile>;
}

/**
 * A provider of identities. If the provider cannot be reached or gives a wrong answer, the methods reject with an error
 * of any class.
 */
export interface Provider {
  /** Returns the URL at which the user logs in. */
  authorizationUrl(request: Request): Promise<URL>;
  /** Sends the code of an answer to the provider, and returns the user who has logged in there. */
  identify(answer: ProviderAnswer): Promise<Identity>;
}
