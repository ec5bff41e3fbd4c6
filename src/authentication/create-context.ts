import { AuthError } from "../errors.js";
import type { Actor, AuthEvent, Client } from "../events.js";
import type { Principal } from "../sessions/principal.js";
import { TokenUser } from "../sessions/token-user.js";
import type { AuthenticationService } from "./authentication.service.js";
import { type Credential, parseAuthorization } from "./authorization-header.js";
import type { AuthContext, CreateContext } from "./context.js";
import { NoCredentials, SchemeNotServed } from "./errors.js";
import { reportExpired } from "./report-expired.js";
import {
  readAuthorization,
  readClient,
  requireContextOptions,
  requireRequest,
  type RequestLike,
} from "./request.js";

export interface ContextBuilderParts {
  readonly authentication: AuthenticationService;
  onEvent(this: void, event: AuthEvent, client: Client): unknown;
  /** Called for the first request without an address, and for the first wrong `ipAddress`. */
  onWarning(this: void, warning: Error): void;
}

export function createContextBuilder(parts: ContextBuilderParts): CreateContext {
  const given = new Set<string>();
  const warn = (warning: string) => {
    if (given.has(warning)) return;
    given.add(warning);
    parts.onWarning(new AddressMissing(warning));
  };
  return async (request, options) => {
    if (request !== undefined) requireRequest(request);
    if (options !== undefined) requireContextOptions(options);
    const ipAddress = options?.ipAddress ?? null;
    const client = readClient(request ?? NO_REQUEST, ipAddress);
    if (ipAddress !== null && ipAddress !== client.ipAddress) warn(WRONG);
    else if (request !== undefined && client.ipAddress === null) warn(MISSING);
    return buildContext(parts, request ?? NO_REQUEST, client);
  };
}

const NO_REQUEST: RequestLike = { headers: {} };

const WRONG =
  "The ipAddress passed to createContext is not a single IP address, so clients share one rate limit. Pass only the client's address.";

const MISSING =
  "A request has no IP address, so all such requests share one rate limit. Pass the client's address: createContext(request, { ipAddress }).";

class AddressMissing extends Error {
  override readonly name = "AddressMissing";
}

/**
 * Authenticates a request. An {@link AuthError} becomes the context's `authError`. Any other error is a bug, and is
 * thrown.
 */
async function buildContext(
  parts: ContextBuilderParts,
  request: RequestLike,
  sender: Client,
): Promise<AuthContext> {
  const { authentication, onEvent } = parts;
  let credential: Credential | null = null;
  let user: Principal | TokenUser | null = null;
  let authError: AuthError | null = null;
  try {
    const lines = readAuthorization(request);
    credential = parseAuthorization(lines);
    if (credential !== null) user = await authentication.authenticate(credential);
    else if (lines.some((line) => line !== "")) authError = new SchemeNotServed();
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    authError = error;
    reportExpired(error, sender, onEvent);
  }
  const client = user === null ? sender : { ...sender, actor: toActor(user) };
  let loading: Promise<Principal> | undefined;
  const loadUser = async () => {
    if (user === null || credential === null) throw authError ?? new NoCredentials();
    return user instanceof TokenUser ? authentication.loadUser(credential) : user;
  };
  return {
    user,
    authError,
    credential,
    client,
    request,
    responseHeaders: [],
    loadUser: () => (loading ??= loadUser()),
    renew: () => buildContext(parts, request, sender),
    watch: (onChange) =>
      user === null || credential === null
        ? () => undefined
        : authentication.watch(credential, user, onChange),
    onRoleDenied: (required) => {
      if (user !== null) onEvent({ type: "role_denied", userId: user.id, required }, client);
    },
    onFreshnessDenied: (freshWithin) => {
      if (user === null) return;
      onEvent({ type: "freshness_denied", userId: user.id, freshWithin }, client);
    },
    onSecondFactorDenied: () => {
      if (user !== null) onEvent({ type: "second_factor_denied", userId: user.id }, client);
    },
  };
}

export function toActor({ id, session }: Principal | TokenUser): Actor {
  const actor = { userId: id, sessionId: session.id };
  const { impersonatorId } = session;
  return impersonatorId === null ? actor : { ...actor, impersonatorId };
}
