import { InvalidCredentials } from "../../accounts/errors.js";
import { toActor } from "../../authentication/create-context.js";
import type { Issued } from "../../authentication/token-issuer.js";
import { AuthError, BadUserInput, Unauthenticated } from "../../errors.js";
import type { Login } from "../../accounts/accounts.js";
import type { AuthScheme, Client } from "../../events.js";
import { PasswordChanged, TokenRevoked, TokenReused } from "../../sessions/errors.js";
import { TokenWrongType } from "../../tokens/errors.js";
import type { CoreServices } from "../feature.js";
import {
  ApiException,
  AuthenticationFailed,
  InvalidToken,
  type TokenFault,
  ValidationError,
} from "./api-exception.js";
import type { SignedIn } from "./authenticate.js";
import { readFields, requireDictionary } from "./fields.js";
import { parseBody } from "./parsers.js";

/** An endpoint of the REST API that the Django project had. */
export interface View {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** The `WWW-Authenticate` header of a 401. */
  readonly challenge: string;
}

/** A view that needs no credential. */
export interface OpenView extends View {
  answer(this: void, request: Request, client: Client): Promise<object>;
}

/** A view that needs a credential. Without one, a request of any method is refused with 401. */
export interface GuardedView extends View {
  answerTo(this: void, signedIn: SignedIn, request: Request, client: Client): Promise<object>;
}

/** Django REST framework sends this challenge if `TokenAuthentication` is the first authentication class. */
const TOKEN_CHALLENGE = "Token";
const JWT_CHALLENGE = 'Bearer realm="api"';

const NAME = { isTrimmed: true };
const PASSWORD = { isTrimmed: false };
const JWT = { isTrimmed: true };

type Authentication = CoreServices["authentication"];

export interface ViewOptions {
  /** Whether `/token/refresh/` also returns a new refresh token, like `ROTATE_REFRESH_TOKENS` in simplejwt. */
  readonly isRotating: boolean;
  /**
   * Returns a user's primary key in Django, which old clients know. Undefined if the feature `import-django` is off.
   */
  readonly djangoIdOf: ((userId: string) => Promise<number | string | undefined>) | undefined;
}

export function createViews(
  { authentication, sessions }: Pick<CoreServices, "authentication" | "sessions">,
  { isRotating, djangoIdOf }: ViewOptions,
): (OpenView | GuardedView)[] {
  return [
    {
      method: "POST",
      path: "/login/",
      challenge: TOKEN_CHALLENGE,
      answer: async (request, client) => {
        const data = requireDictionary(await parseBody(request));
        const isByEmail = "email" in data && !("username" in data);
        if (!isByEmail) return loginByName(authentication, data, client);
        const { token, principal } = await loginByEmail(authentication, data, client);
        const { id, email } = principal;
        return { token, user_id: (await djangoIdOf?.(id)) ?? id, email: email ?? "" };
      },
    },
    {
      method: "POST",
      path: "/token/",
      challenge: JWT_CHALLENGE,
      answer: async (request, client) => {
        const data = readFields(await parseBody(request), { username: NAME, password: PASSWORD });
        const { refresh, access } = await login(
          authentication,
          data,
          data.password,
          "JWT",
          client,
          (text = "No active account found with the given credentials") =>
            new AuthenticationFailed(text),
        );
        return { refresh, access };
      },
    },
    {
      method: "POST",
      path: "/token/refresh/",
      challenge: JWT_CHALLENGE,
      answer: async (request, client) => {
        const given = readFields(await parseBody(request), { refresh: JWT });
        try {
          const issued = await authentication.refreshPair(given.refresh, isRotating, client);
          const { access, refresh } = issued;
          return isRotating ? { access, refresh } : { access };
        } catch (error) {
          throw error instanceof Unauthenticated ? new InvalidToken(faultOf(error)) : error;
        }
      },
    },
    {
      method: "POST",
      path: "/token/verify/",
      challenge: JWT_CHALLENGE,
      answer: async (request, client) => {
        const { token } = readFields(await parseBody(request), { token: JWT });
        const verification = await authentication.verifyToken(token, client);
        if (verification === null || verification.tokenType === "Token") {
          throw new InvalidToken("Token is invalid or expired");
        }
        return {};
      },
    },
    {
      method: "POST",
      path: "/logout/",
      challenge: TOKEN_CHALLENGE,
      answerTo: async ({ user, credential }, request, sender) => {
        const client = { ...sender, actor: toActor(user) };
        const endOwn = () => sessions.end(user.session, user.id, "logout", client);
        if (credential.scheme === "Token") {
          await endOwn();
          return { message: "Logout successful, token deleted" };
        }
        await blacklist(authentication, await readRefresh(request), { user, credential }, client);
        // Also end the session of the access token, because the refresh token may belong to another session.
        await endOwn();
        return { message: "Logout successful, token blacklisted" };
      },
    },
    {
      method: "GET",
      path: "/profile/",
      challenge: TOKEN_CHALLENGE,
      answerTo: ({ user }) => Promise.resolve({ username: user.username, email: user.email ?? "" }),
    },
  ];
}

async function loginByName(
  authentication: Authentication,
  data: object,
  client: Client,
): Promise<object> {
  const { username, password } = readFields(data, { username: NAME, password: PASSWORD });
  const refuse = (text = "Unable to log in with provided credentials.") =>
    new ValidationError({ non_field_errors: [text] });
  const { token } = await login(authentication, { username }, password, "TOKEN", client, refuse);
  return { token };
}

/**
 * Logs in by e-mail address. A wrong or missing address or password gets the same answer, as in the view
 * `EmailAuthToken` of the Django project.
 */
async function loginByEmail(
  authentication: Authentication,
  data: Readonly<Record<string, unknown>>,
  client: Client,
): Promise<Issued> {
  const email = data["email"] as string;
  const password = data["password"] as string;
  const refuse = (text = "Invalid email or password") => new ApiException(400, { error: text });
  return login(authentication, { email }, password, "TOKEN", client, refuse);
}

/**
 * @param refuse returns the error for wrong credentials. A malformed user name or password causes the same error,
 * because Django would simply not find the user. If the password is right, but the account needs a second step,
 * `refuse` gets the text of the error
 */
async function login(
  authentication: Authentication,
  login: Login,
  password: string,
  scheme: AuthScheme,
  client: Client,
  refuse: (text?: string) => ApiException,
): Promise<Issued> {
  try {
    return await authentication.login(login, password, scheme, client);
  } catch (error) {
    if (error instanceof InvalidCredentials || error instanceof BadUserInput) throw refuse();
    const needsMore = error instanceof AuthError && error.code === "UNAUTHENTICATED";
    // Old clients cannot answer a challenge, so they do not get it.
    throw needsMore
      ? refuse("This account needs a second step, which this app does not support.")
      : error;
  }
}

function faultOf(error: Unauthenticated): TokenFault {
  if (error instanceof TokenWrongType) return "Token has wrong type";
  const isOver =
    error instanceof TokenRevoked ||
    error instanceof TokenReused ||
    error instanceof PasswordChanged;
  return isOver ? "Token is blacklisted" : "Token is invalid or expired";
}

/** Returns the refresh token in the body. Every mistake in the body gets the same answer, as in the Django project. */
async function readRefresh(request: Request): Promise<string> {
  try {
    return readFields(await parseBody(request), { refresh: JWT }).refresh;
  } catch (error) {
    throw error instanceof ApiException ? invalidToken() : error;
  }
}

/** Ends the session of a refresh token. The token must belong to the signed-in user. */
async function blacklist(
  authentication: Authentication,
  refresh: string,
  signedIn: SignedIn,
  client: Client,
): Promise<void> {
  try {
    const context = { ...signedIn, authError: null, client };
    const { hasEnded } = await authentication.logoutRequest(context, refresh);
    if (!hasEnded) throw invalidToken();
  } catch (error) {
    throw error instanceof Unauthenticated ? invalidToken() : error;
  }
}

function invalidToken(): ApiException {
  return new ApiException(400, { error: "Invalid token" });
}
