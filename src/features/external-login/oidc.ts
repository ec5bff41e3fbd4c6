import * as oidc from "openid-client";
import { boundedFetch } from "./bounded-fetch.js";
import { Cached } from "./cached.js";
import type { Identity, Profile, Provider, ProviderAnswer, Request } from "./provider.js";
import type { OidcClient } from "./provider-settings.js";

/** How long one request to a provider may take, in seconds. */
export const REQUEST_TIMEOUT = 5;

/** How far the provider's clock may be ahead of ours, in milliseconds. */
const MAX_SKEW = 60_000;

/** A `sub` that every database can store. @see OpenID Connect Core 2 */
const SUBJECT = /^\P{Cc}{1,255}$/u;

/** The provider's answer is well-formed, but wrong. */
class WrongAnswer extends Error {
  constructor(readonly code: string) {
    super(`The provider's answer is wrong: ${code}.`);
  }
}

/**
 * An OpenID Connect provider. Loads the metadata on first use, and again after an hour. Caches the keys. Reloads them
 * if a token has an unknown key, but at most once a minute.
 * @see OpenID Connect Core 3.1
 */
export class OidcProvider implements Provider {
  readonly #configuration: Cached<oidc.Configuration>;
  readonly #now: () => number;

  constructor(client: OidcClient, now: () => number) {
    this.#configuration = new Cached(() => discover(client), now);
    this.#now = now;
  }

  async authorizationUrl(request: Request): Promise<URL> {
    const configuration = await this.#configuration.get();
    return authorizationUrl(configuration, request, {
      scope: "openid email profile",
      nonce: request.nonce,
    });
  }

  async identify(answer: ProviderAnswer): Promise<Identity> {
    const configuration = await this.#configuration.get();
    const tokens = await oidc.authorizationCodeGrant(configuration, callbackUrl(answer), {
      expectedState: answer.state,
      expectedNonce: answer.nonce,
      pkceCodeVerifier: answer.codeVerifier,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (claims === undefined) throw new WrongAnswer("no_id_token");
    // The library checks `exp`, but accepts an ID token that is issued in the future.
    if (claims.iat * 1000 > this.#now() + MAX_SKEW) throw new WrongAnswer("issued_in_future");
    const { iss: issuer, sub: subject } = claims;
    if (!subject.isWellFormed() || !SUBJECT.test(subject)) throw new WrongAnswer("wrong_sub");
    const { userinfo_endpoint: hasUserInfo } = configuration.serverMetadata();
    return {
      issuer,
      subject,
      readProfile: async () => {
        if (claims["email"] !== undefined || hasUserInfo === undefined) return profileOf(claims);
        const info = await oidc.fetchUserInfo(configuration, tokens.access_token, subject);
        return profileOf({ ...claims, ...info });
      },
    };
  }
}

async function discover({ issuer, clientId, clientSecret }: OidcClient) {
  const isPlain = new URL(issuer).protocol === "http:";
  const configuration = await oidc.discovery(
    new URL(issuer),
    clientId,
    clientSecret,
    authenticateWith(clientSecret),
    {
      [oidc.customFetch]: boundedFetch,
      timeout: REQUEST_TIMEOUT,
      execute: [oidc.enableNonRepudiationChecks, ...(isPlain ? [allowPlainHttp] : [])],
    },
  );
  if (configuration.serverMetadata().jwks_uri === undefined) throw new WrongAnswer("no_jwks_uri");
  return configuration;
}

/** Allows plain HTTP. The settings accept it only on loopback. */
export const allowPlainHttp: (configuration: oidc.Configuration) => void =
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the library calls it deprecated only to warn callers
  oidc.allowInsecureRequests;

/** Sends the secret in the way that the provider supports. @see OpenID Connect Discovery 3 */
function authenticateWith(secret: string): oidc.ClientAuth {
  const basic = oidc.ClientSecretBasic(secret);
  const post = oidc.ClientSecretPost(secret);
  return (server, ...request) => {
    const { token_endpoint_auth_methods_supported: methods = ["client_secret_basic"] } = server;
    (methods.includes("client_secret_basic") ? basic : post)(server, ...request);
  };
}

/** Returns the URL of the provider's page, with a PKCE challenge. @see RFC 7636 4.3 */
export async function authorizationUrl(
  configuration: oidc.Configuration,
  { redirectTo, state, codeVerifier }: Request,
  parameters: Readonly<Record<string, string>>,
): Promise<URL> {
  return oidc.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectTo,
    state,
    code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: "S256",
    ...parameters,
  });
}

/** Returns the URL to which the provider has sent the browser. */
export function callbackUrl({ redirectTo, code, state, iss }: ProviderAnswer): URL {
  const url = new URL(redirectTo);
  url.searchParams.set("code", code);
  url.searchParams.set("state", state);
  if (iss !== null) url.searchParams.set("iss", iss);
  return url;
}

function profileOf(claims: Readonly<Record<string, unknown>>): Profile {
  const { email, email_verified: isVerified } = claims;
  // Some providers, such as Amazon Cognito, send the text "true".
  const isOwn = isVerified === true || isVerified === "true";
  const names = [claims["preferred_username"], claims["nickname"], claims["given_name"]];
  return {
    email: isOwn && typeof email === "string" ? email : null,
    names: names.filter((name) => typeof name === "string"),
  };
}
