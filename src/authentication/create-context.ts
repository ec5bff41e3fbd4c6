import { isIP } from "node:net";
import { type Credential, parseAuthorization } from "./authorization-header.js";
import type { AuthenticationService } from "./authentication.service.js";
import type { AuthContext } from "./context.js";
import type { Role } from "../accounts/role.js";
import type { AuthEvent, Client } from "../events.js";
import { AuthError, NoCredentials } from "../errors.js";
import { type Principal, TokenUser } from "../sessions/principal.js";

/** What of a request is read: Node's, Fastify's, Express's and the Fetch API's all have this shape. */
export interface RequestLike {
  readonly headers?: Headers | Readonly<Record<string, string | string[] | undefined>> | undefined;
  /** Node's flat list of names and values. Only here a second `Authorization` line can be seen. */
  readonly rawHeaders?: readonly string[] | undefined;
  /** The client's address, where the framework knows about trusted proxies. */
  readonly ip?: string | undefined;
  /** The request's name in the log, where the framework gives it one. */
  readonly id?: unknown;
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined;
}

/**
 * Builds the context of one request: parses `Authorization`, and looks the user up, once.
 * A bad credential never throws; it is kept for the guarded fields to answer with. No request at all is anonymous.
 * @throws what is not a refusal, which is a bug
 */
export async function createContext(
  authentication: AuthenticationService,
  onEvent: (event: AuthEvent, client: Client) => unknown,
  request: RequestLike | null | undefined,
): Promise<AuthContext> {
  const client = {
    ipAddress: addressOf(request),
    userAgent: headerLines(request, "user-agent")[0] ?? null,
    requestId: typeof request?.id === "string" ? request.id : null,
  };
  let credential: Credential | null = null;
  try {
    credential = parseAuthorization(headerLines(request, "authorization"));
    if (credential === null) return contextOf(null, null, credential, client, onEvent);
    const presented = credential;
    const user = await authentication.authenticate(presented);
    const context = contextOf(user, null, credential, client, onEvent);
    if (!(user instanceof TokenUser)) return context;
    let loading: Promise<Principal> | undefined;
    return { ...context, loadUser: () => (loading ??= authentication.loadUser(presented)) };
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    return contextOf(null, error, credential, client, onEvent);
  }
}

function contextOf(
  user: Principal | null,
  authError: AuthError | null,
  credential: Credential | null,
  client: Client,
  onEvent: (event: AuthEvent, client: Client) => unknown,
): AuthContext {
  const loadUser = () =>
    user === null ? Promise.reject(authError ?? new NoCredentials()) : Promise.resolve(user);
  const onRoleDenied = (required: Role) => {
    if (user !== null) onEvent({ type: "role_denied", userId: user.id, required }, client);
  };
  return { user, authError, loadUser, onRoleDenied, credential, client };
}

/** Where a proxy we trust names no address at all, its own counts: nobody goes uncounted. */
function addressOf(request: RequestLike | null | undefined): string | null {
  const known = [request?.ip, request?.socket?.remoteAddress];
  return known.find((address) => address !== undefined && isIP(address) !== 0) ?? null;
}

/** The values of all lines of one header. A name may be in any case, as it is in objects made by hand. */
function headerLines(request: RequestLike | null | undefined, name: string): readonly string[] {
  const { headers, rawHeaders = [] } = request ?? {};
  const value = isHeaders(headers) ? headers.get(name) : findHeader(headers ?? {}, name);
  const values = value == null ? [] : [value].flat();
  const lines = rawHeaders.filter((key, index) => index % 2 === 0 && key.toLowerCase() === name);
  return lines.length > 1 ? [...values, ...values] : values;
}

function isHeaders(headers: RequestLike["headers"]): headers is Headers {
  return typeof headers?.get === "function";
}

function findHeader(headers: Exclude<RequestLike["headers"], Headers | undefined>, name: string) {
  return headers[name] ?? Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}
