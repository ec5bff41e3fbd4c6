import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

const COOKIE = "__Host-gatehouse-refresh";

/** Keeps the refresh tokens of a server in a cookie, as the server itself does in its cookie mode. */
export class CookieFront {
  readonly seen: IncomingMessage["headers"][] = [];
  /** Whether it answers. */
  isAway = false;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(target: string): Promise<CookieFront> {
    const server = createServer();
    const front = new CookieFront(server);
    server.on("request", (request, response) => {
      void (async () => {
        front.seen.push(request.headers);
        const { variables, ...body } = JSON.parse(await text(request));
        if (front.isAway) return response.destroy();
        const { authorization, cookie } = request.headers;
        const isOurs = request.headers["x-gatehouse-csrf"] === "1" && authorization === undefined;
        const kept = new RegExp(`${COOKIE}=([^;]+)`).exec(cookie ?? "")?.[1];
        if (variables?.refresh === "" && isOurs && kept !== undefined) variables.refresh = kept;
        const headers: Record<string, string> = { "content-type": "application/json" };
        if (variables?.refresh === "") {
          const extensions = { code: "UNAUTHENTICATED", reason: "no_credentials" };
          const errors = [{ message: "There is no cookie.", extensions }];
          return response.writeHead(200, headers).end(JSON.stringify({ errors }));
        }
        const answer = await fetch(target, {
          method: "POST",
          headers: { ...headers, ...(authorization !== undefined && { authorization }) },
          body: JSON.stringify({ ...body, variables }),
        });
        const { data, errors } = (await answer.json()) as any;
        const grant = data?.login ?? data?.refreshToken;
        const flags = "Path=/; HttpOnly; Secure; SameSite=Strict";
        if (grant?.refresh) headers["set-cookie"] = `${COOKIE}=${grant.refresh}; ${flags}`;
        if (grant) grant.refresh = null;
        if (data?.logout) headers["set-cookie"] = `${COOKIE}=; Max-Age=0; ${flags}`;
        return response.writeHead(200, headers).end(JSON.stringify({ data, errors }));
      })();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/graphql`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A browser's fetch and its cookies, which no script can read. */
export class CookieJar {
  cookie = "";
  readonly credentials: (string | undefined)[] = [];

  readonly fetch: typeof fetch = async (input, init) => {
    this.credentials.push(init?.credentials);
    const headers = new Headers(init?.headers);
    if (this.cookie !== "") headers.set("cookie", this.cookie);
    const response = await fetch(input, { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      this.cookie = line.includes("Max-Age=0") ? "" : (line.split(";")[0] ?? "");
    }
    return response;
  };
}
