import * as oidc from "openid-client";
import { boundedFetch } from "./bounded-fetch.js";
import { allowPlainHttp, authorizationUrl, callbackUrl, REQUEST_TIMEOUT } from "./oidc.js";
import type { Identity, Profile, Provider, ProviderAnswer, Request } from "./provider.js";
import type { GithubClient } from "./provider-settings.js";

const GITHUB = "https://github.com";
const GITHUB_API = "https://api.github.com";

/**
 * GitHub, or a GitHub Enterprise Server. GitHub has no ID tokens, so its API says who the user is.
 * @see https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
 */
export class GithubProvider implements Provider {
  readonly #issuer: string;
  readonly #api: string;
  readonly #configuration: oidc.Configuration;

  constructor({ url = GITHUB, clientId, clientSecret }: GithubClient) {
    this.#issuer = url;
    this.#api = url === GITHUB ? GITHUB_API : `${url}/api/v3`;
    const metadata = {
      issuer: url,
      authorization_endpoint: `${url}/login/oauth/authorize`,
      token_endpoint: `${url}/login/oauth/access_token`,
    };
    this.#configuration = new oidc.Configuration(metadata, clientId, clientSecret);
    this.#configuration.timeout = REQUEST_TIMEOUT;
    this.#configuration[oidc.customFetch] = boundedFetch;
    if (url.startsWith("http:")) allowPlainHttp(this.#configuration);
  }

  async authorizationUrl(request: Request): Promise<URL> {
    const scope = "read:user user:email";
    return authorizationUrl(this.#configuration, request, { scope });
  }

  async identify(answer: ProviderAnswer): Promise<Identity> {
    // Ignore `iss`, because GitHub does not document a value to compare it with.
    const url = callbackUrl({ ...answer, iss: null });
    const { access_token: token } = await oidc.authorizationCodeGrant(this.#configuration, url, {
      expectedState: answer.state,
      pkceCodeVerifier: answer.codeVerifier,
    });
    const { id, login } = (await this.#read("/user", token)) as { id?: unknown; login?: unknown };
    if (typeof id !== "number" || !Number.isSafeInteger(id)) throw new Error("No user id.");
    return {
      issuer: this.#issuer,
      subject: String(id),
      readProfile: async () => ({
        email: findEmail(await this.#read("/user/emails", token)),
        names: typeof login === "string" ? [login] : [],
      }),
    };
  }

  async #read(path: string, token: string): Promise<unknown> {
    const response = await oidc.fetchProtectedResource(
      this.#configuration,
      token,
      new URL(this.#api + path),
      "GET",
      undefined,
      new Headers({ accept: "application/vnd.github+json" }),
    );
    if (response.status !== 200) throw new Error(`GitHub's status is ${response.status}.`);
    return response.json();
  }
}

/** Returns the primary address, if it is verified. */
function findEmail(emails: unknown): Profile["email"] {
  if (!Array.isArray(emails)) return null;
  for (const entry of emails as unknown[]) {
    const { email, primary, verified } = (entry ?? {}) as Record<string, unknown>;
    if (primary === true && verified === true && typeof email === "string") return email;
  }
  return null;
}
