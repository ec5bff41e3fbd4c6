import type { AuthConfig } from "../../config/auth-config.js";
import type { Problem } from "../../config/problems.js";

/** The settings that decide which domain passkeys belong to, and which pages may use them. */
export type RelyingPartySettings = Pick<
  AuthConfig,
  "corsOrigins" | "isDevelopment" | "publicUrl"
> & { readonly rpId: string | undefined; readonly rpName: string | undefined };

/** The application to which passkeys belong: a domain, and the pages that may use its passkeys. @see WebAuthn 5.1.2 */
export interface RelyingParty {
  /** The domain that the passkeys belong to. */
  readonly id: string;
  /** The name that authenticators show. */
  readonly name: string;
  /** The origins outside the domain that may use its passkeys, too. */
  readonly relatedOrigins: readonly string[];
  /** Returns whether pages with this origin belong to the application. */
  isPage(this: void, origin: string): boolean;
}

/** Matches a domain that passkeys can belong to: localhost, or a domain with a dot. Does not match an IP address. */
const DOMAIN = /^(localhost|([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9])$/;

export function isRpId(text: string): boolean {
  return text.length <= 253 && DOMAIN.test(text);
}

export function createRelyingParty(settings: RelyingPartySettings): RelyingParty {
  const id = rpIdOf(settings) ?? "localhost";
  const origins = originsOf(settings);
  const pages = new Set(origins);
  const isDevelopment = settings.isDevelopment === true;
  return {
    id,
    name: settings.rpName ?? id,
    relatedOrigins: origins.filter((origin) => !isWithin(origin, id)),
    isPage: (origin) => pages.has(origin) || (isDevelopment && isLocalhost(origin)),
  };
}

/** Returns the problems that would prevent every page from using a passkey. */
export function findRelyingPartyProblems(settings: RelyingPartySettings): Problem[] {
  const { isDevelopment, publicUrl } = settings;
  const origins = originsOf(settings);
  if (origins.length === 0 && isDevelopment !== true) {
    return [{ option: "publicUrl", message: "is required for passkeys, which belong to a domain" }];
  }
  const id = rpIdOf(settings);
  if (id === undefined || !isRpId(id)) {
    const message =
      publicUrl === undefined
        ? "is required for passkeys, because there is no"
        : "is required for passkeys, because there is no domain in";
    return [{ option: "rpId", message, other: "publicUrl" }];
  }
  const hasPage = origins.some((origin) => isWithin(origin, id));
  if (hasPage || (isDevelopment === true && id === "localhost")) return [];
  const message = "must be the domain, or a parent domain, of the server or of a page in";
  return [{ option: "rpId", message, other: "corsOrigins" }];
}

function rpIdOf({ rpId, publicUrl, isDevelopment }: RelyingPartySettings): string | undefined {
  if (rpId !== undefined) return rpId;
  if (publicUrl !== undefined) return new URL(publicUrl).hostname;
  return isDevelopment === true ? "localhost" : undefined;
}

function originsOf({ publicUrl, corsOrigins }: RelyingPartySettings): string[] {
  return publicUrl === undefined ? [...corsOrigins] : [...new Set([publicUrl, ...corsOrigins])];
}

function isWithin(origin: string, domain: string): boolean {
  const { hostname } = new URL(origin);
  return hostname === domain || hostname.endsWith(`.${domain}`);
}

/**
 * Returns whether an origin is `localhost` with any port. In development, pages of such origins may send requests, so
 * they may use passkeys, too.
 */
function isLocalhost(origin: string): boolean {
  return URL.canParse(origin) && new URL(origin).hostname === "localhost";
}
