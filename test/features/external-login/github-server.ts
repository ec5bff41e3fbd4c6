import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface GithubPerson {
  readonly id: unknown;
  readonly login?: string;
  readonly emails?: unknown;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Imitates GitHub's OAuth and the two paths of its API that Gatehouse uses.
 * @see https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
 */
export class GithubServer {
  readonly clientId = "Iv1.0123456789abcdef";
  readonly clientSecret = "0123456789abcdef0123456789abcdef01234567";
  /** The person who logs in next. */
  person: GithubPerson = { id: 1 };
  /** Answers that replace GitHub's, by path. */
  answers: Record<string, Answer> = {};
  readonly #server: Server;
  /** The PKCE challenges, by code. */
  readonly #codes = new Map<string, string | null>();

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<GithubServer> {
    const server = new GithubServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "", this.url);
    const json = (body: unknown, status = 200) => {
      response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
      response.end(JSON.stringify(body));
    };
    const answer = this.answers[pathname];
    if (answer !== undefined) {
      answer(request, response);
    } else if (pathname === "/login/oauth/authorize") {
      const code = `code-${this.#codes.size}`;
      this.#codes.set(code, searchParams.get("code_challenge"));
      const page = new URL(searchParams.get("redirect_uri") ?? "");
      page.searchParams.set("code", code);
      page.searchParams.set("state", searchParams.get("state") ?? "");
      response.writeHead(302, { location: page.href }).end();
    } else if (pathname === "/login/oauth/access_token") {
      // GitHub answers wrong codes with the status 200.
      const given = new URLSearchParams(await text(request));
      const isRight = this.#takeCode(given);
      json(
        isRight
          ? { access_token: "gho_right", scope: "read:user,user:email", token_type: "bearer" }
          : { error: "bad_verification_code", error_description: "The code is incorrect." },
      );
    } else if (request.headers.authorization !== "Bearer gho_right") {
      json({ message: "Bad credentials" }, 401);
    } else if (pathname === "/api/v3/user") {
      const { id, login } = this.person;
      json({ id, login, email: "public@example.com" });
    } else if (pathname === "/api/v3/user/emails") {
      json(this.person.emails);
    } else {
      json({ message: "Not Found" }, 404);
    }
  }

  #takeCode(given: URLSearchParams): boolean {
    const code = given.get("code") ?? "";
    const challenge = this.#codes.get(code);
    this.#codes.set(code, null);
    const verifier = createHash("sha256").update(given.get("code_verifier") ?? "");
    return (
      given.get("client_id") === this.clientId &&
      given.get("client_secret") === this.clientSecret &&
      verifier.digest("base64url") === challenge
    );
  }
}
