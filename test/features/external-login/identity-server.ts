import { generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { jest } from "@jest/globals";
import { decodeJwt, importJWK, type JWK, type JWTPayload, SignJWT } from "jose";
// @ts-expect-error -- it has no types here
import UntypedProvider from "oidc-provider";
import { browse, type Page } from "./browser.js";

/** The page of the application to which the provider sends the browser. */
export const PAGE = "https://app.example.com/signed-in";

/** A user of the provider. */
export interface Person {
  readonly sub: string;
  readonly email?: string;
  readonly email_verified?: boolean | string;
  readonly preferred_username?: string;
  readonly given_name?: string;
}

interface Context {
  readonly path: string;
  body: unknown;
}

/** The parts of `oidc-provider` that the tests use. */
interface Provider {
  readonly Grant: new (values: { accountId: string; clientId: string }) => {
    addOIDCScope(scope: string): void;
    save(): Promise<string>;
  };
  callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  use(middleware: (context: Context, next: () => Promise<void>) => Promise<void>): void;
  interactionDetails(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<{ params: Readonly<Record<string, unknown>> }>;
  interactionFinished(
    request: IncomingMessage,
    response: ServerResponse,
    result: object,
  ): Promise<void>;
}

const Provider = UntypedProvider as new (issuer: string, options: object) => Provider;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** The mistakes that the provider makes, until a test changes them again. */
interface Behaviour {
  /** Handlers that answer in place of the provider, by path. */
  answers?: Record<string, Handler>;
  /** Makes a different ID token from the claims of the right one. */
  idToken?: (claims: JWTPayload) => string | Promise<string>;
  /** Changes the provider's metadata. */
  metadata?: Record<string, unknown>;
}

/** A real OpenID Connect provider on loopback. It has one client, and accepts every person. */
export class IdentityServer {
  readonly clientId = "gatehouse";
  readonly clientSecret = "a secret of the client: 100 % + more";
  behaviour: Behaviour = {};
  /** The person who visits in a real browser, without {@link IdentityServer.visit}. */
  guest: Person | undefined;
  /** The paths of all requests so far. */
  readonly requests: string[] = [];
  readonly #people = new Map<string, Person>();
  readonly #server: Server;
  readonly #page: string;
  #key: JWK = newKey();
  #provider!: Provider;

  private constructor(page: string) {
    this.#page = page;
    this.#server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "", this.issuer);
      this.requests.push(pathname);
      const answer = this.behaviour.answers?.[pathname];
      if (answer !== undefined) answer(request, response);
      else if (pathname.startsWith("/interaction/")) void this.#letIn(request, response);
      else
        this.#provider
          .callback()(request, response)
          .catch(() => response.destroy());
    });
  }

  /** @param page the page of the application to which the provider sends the browser */
  static async start(page = PAGE): Promise<IdentityServer> {
    // The provider warns that it keeps everything in memory, which is right for tests.
    jest.spyOn(console, "warn").mockImplementation(() => undefined);
    jest.spyOn(console, "info").mockImplementation(() => undefined);
    const server = new IdentityServer(page);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    server.#provider = server.#createProvider();
    return server;
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The provider in the form of the setting `externalProviders`. */
  get client() {
    const { issuer, clientId, clientSecret } = this;
    return { issuer, clientId, clientSecret };
  }

  get key(): JWK {
    return this.#key;
  }

  reset(): void {
    this.behaviour = {};
    this.requests.length = 0;
  }

  /** Signs with a new key from now on, and no longer publishes the old one. */
  rotate(): void {
    this.#key = newKey();
    this.#provider = this.#createProvider();
  }

  /** Lets a person log in at the URL of `beginExternalLogin`, and returns what the browser then shows. */
  async visit(url: string, person: Person): Promise<Page> {
    this.#people.set(person.sub, person);
    return browse(url, this.#page, { "x-person": person.sub });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #createProvider(): Provider {
    const provider = new Provider(this.issuer, {
      clients: [
        {
          client_id: this.clientId,
          client_secret: this.clientSecret,
          redirect_uris: [this.#page],
          response_types: ["code"],
        },
      ],
      jwks: { keys: [this.#key] },
      cookies: { keys: ["a key of the cookies"] },
      claims: {
        email: ["email", "email_verified"],
        profile: ["preferred_username", "given_name"],
      },
      findAccount: (_context: unknown, accountId: string) => ({
        accountId,
        claims: () => ({ ...this.#people.get(accountId), sub: accountId }),
      }),
      pkce: { required: () => true },
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
      ttl: { AccessToken: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
    });
    provider.use(async (context, next) => {
      await next();
      await this.#misbehave(context);
    });
    return provider;
  }

  async #letIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const provider = this.#provider;
    const { params } = await provider.interactionDetails(request, response);
    if (this.guest !== undefined) this.#people.set(this.guest.sub, this.guest);
    const accountId = String(request.headers["x-person"] ?? this.guest?.sub);
    const grant = new provider.Grant({ accountId, clientId: String(params["client_id"]) });
    grant.addOIDCScope(String(params["scope"]));
    const result = { login: { accountId }, consent: { grantId: await grant.save() } };
    await provider.interactionFinished(request, response, result);
  }

  async #misbehave(context: Context): Promise<void> {
    const { idToken, metadata } = this.behaviour;
    const body = context.body as Record<string, unknown> | undefined;
    if (metadata !== undefined && context.path === "/.well-known/openid-configuration") {
      context.body = { ...body, ...metadata };
    }
    if (idToken !== undefined && typeof body?.["id_token"] === "string") {
      context.body = { ...body, id_token: await idToken(decodeJwt(body["id_token"])) };
    }
  }
}

/** Signs an ID token. */
export async function sign(claims: JWTPayload, key: JWK): Promise<string> {
  const header = { alg: "RS256", ...(key.kid !== undefined && { kid: key.kid }) };
  return new SignJWT(claims).setProtectedHeader(header).sign(await importJWK(key, "RS256"));
}

export function newKey(): JWK {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...(privateKey.export({ format: "jwk" }) as JWK), kid: randomUUID(), use: "sig" };
}
