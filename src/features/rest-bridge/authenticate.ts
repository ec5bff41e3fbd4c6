import { isUtf8 } from "node:buffer";
import type { Credential } from "../../authentication/authorization-header.js";
import { reportExpired } from "../../authentication/report-expired.js";
import { Unauthenticated } from "../../errors.js";
import type { Client } from "../../events.js";
import { UserInactive, UserNotFound } from "../../sessions/errors.js";
import type { Principal } from "../../sessions/principal.js";
import { TokenWrongType } from "../../tokens/errors.js";
import type { CoreServices } from "../feature.js";
import {
  type ApiException,
  AuthenticationFailed,
  NotAuthenticated,
  type TokenFault,
} from "./api-exception.js";

/** The signed-in user of a request, and the credential in its `Authorization` header. */
export interface SignedIn {
  readonly user: Principal;
  readonly credential: Credential;
}

/**
 * Authenticates a request. Refuses it as DRF's `TokenAuthentication` or simplejwt's `JWTAuthentication` does.
 * @throws {@link NotAuthenticated}, {@link AuthenticationFailed}
 */
export async function authenticate(
  { authentication, onEvent }: Pick<CoreServices, "authentication" | "onEvent">,
  request: Request,
  client: Client,
): Promise<SignedIn> {
  const credential = readCredential(request.headers.get("authorization") ?? "");
  try {
    return { user: await authentication.loadUser(credential), credential };
  } catch (error) {
    if (!(error instanceof Unauthenticated)) throw error;
    reportExpired(error, client, onEvent);
    throw credential.scheme === "Token" ? refuseKey(error) : refuseJwt(error, credential.token);
  }
}

function readCredential(header: string): Credential {
  const [scheme = "", token, ...others] = header.split(/[\t\v\f ]+/).filter((word) => word !== "");
  switch (scheme.toLowerCase()) {
    case "token": {
      if (token === undefined) throw badTokenHeader("No credentials provided.");
      if (others.length > 0) throw badTokenHeader("Token string should not contain spaces.");
      if (!isUtf8(Buffer.from(token, "latin1"))) {
        throw badTokenHeader("Token string should not contain invalid characters.");
      }
      return { scheme: "Token", token };
    }
    case "bearer": {
      if (token !== undefined && others.length === 0) return { scheme: "Bearer", token };
      throw new AuthenticationFailed(
        "Authorization header must contain two space-delimited values",
        { code: "bad_authorization_header" },
      );
    }
    default:
      throw new NotAuthenticated();
  }
}

function badTokenHeader(fault: string): ApiException {
  return new AuthenticationFailed(`Invalid token header. ${fault}`);
}

function refuseKey(error: Unauthenticated): ApiException {
  const isInactive = error instanceof UserInactive;
  return new AuthenticationFailed(isInactive ? "User inactive or deleted." : "Invalid token.");
}

function refuseJwt(error: Unauthenticated, token: string): ApiException {
  if (error instanceof UserNotFound) {
    return new AuthenticationFailed("User not found", { code: "user_not_found" });
  }
  if (error instanceof UserInactive) {
    return new AuthenticationFailed("User is inactive", { code: "user_inactive" });
  }
  // For a text without dots, such as a static token, simplejwt says that the token is invalid, not that its type is
  // wrong.
  const isWrongType = error instanceof TokenWrongType && token.includes(".");
  const message: TokenFault = isWrongType ? "Token has wrong type" : "Token is invalid or expired";
  return new AuthenticationFailed("Given token not valid for any token type", {
    code: "token_not_valid",
    messages: [{ token_class: "AccessToken", token_type: "access", message }],
  });
}
