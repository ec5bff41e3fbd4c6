import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { simpleParser } from "mailparser";
import type { Authenticator, Browser, Page, Person, PersonOptions } from "./browsers/driver.js";
import { openBrowser } from "./browsers/index.js";
import { eventually } from "./eventually.js";
import type { Fault } from "./faulty-proxy.js";
import { Gate } from "./gate.js";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** A Content-Security-Policy that forbids inline code, and resources of other hosts. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'";

type GateOptions = NonNullable<Parameters<typeof Gate.open>[0]>;

/** Matches URLs that need no request to a host. */
const LOCAL = /^(data|blob|about):/;

/** The page of a new tab. */
const BLANK = "about:blank";

/** The path of a page without the app. Tabs wait there between two tests. */
const REST = "rest";
const REST_PAGE = '<!doctype html><link rel="icon" href="data:,"><title>Rest</title>';

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * One origin with the example app and two servers over one database. The server at /graphql gives refresh tokens to
 * the page. The one at /cookie/graphql keeps them in a cookie.
 */
export class Stage {
  /** The URL of the start page. */
  readonly url: string;
  readonly gate: Gate;
  /** The requests of the pages in order, with their responses. */
  readonly seen: { operation: string; path: string; answer: string }[] = [];
  /** Chooses a fault for the response to an operation. */
  fault: ((operation: string) => Fault | undefined) | undefined;
  /** Matches the browser's error messages that the test expects. */
  expected: RegExp | undefined;
  readonly #cookieGate: Gate;
  readonly #browser: Browser;
  readonly #folder: string;
  readonly #server: Server;
  /** The profiles of the running test, and spare profiles for the next test, because creating a profile is slow. */
  #contexts: Person[] = [];
  #spares: Person[] = [];
  readonly #special = new Set<Person>();
  #problems: string[] = [];

  private constructor(
    url: string,
    server: Server,
    gate: Gate,
    cookieGate: Gate,
    browser: Browser,
    folder: string,
  ) {
    this.url = url;
    this.gate = gate;
    this.#cookieGate = cookieGate;
    this.#browser = browser;
    this.#folder = folder;
    this.#server = server.on("request", (incoming, response) => {
      this.#answer(incoming, response).catch(() => response.destroy());
    });
  }

  /**
   * Starts everything, with two users: ada, an ADMIN, and bob, a USER.
   * @param optionsOf returns the options of the servers. It gets the URL of the start page
   * @param host the host of the pages. Passkeys need `localhost`
   */
  static async open(
    optionsOf: (url: string) => GateOptions | Promise<GateOptions>,
    host: "127.0.0.1" | "localhost" = "127.0.0.1",
  ): Promise<Stage> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://${host}:${(server.address() as AddressInfo).port}/`;
    const options = await optionsOf(url);
    const pageOf = (path: string) => (token: string) => `${url}${path}?token=${token}`;
    const [browser, folder, gate] = await Promise.all([
      openBrowser(),
      buildPage(),
      // The gate has no public URL, so its mails are files.
      Gate.open({
        publicUrl: undefined,
        registration: "open",
        impersonation: true,
        loginCodes: true,
        secondFactor: "optional",
        passkeys: true,
        // Nothing listens at this address. The example only lists the provider.
        externalProviders: {
          corp: { issuer: "http://127.0.0.1:9", clientId: "example", clientSecret: "example" },
        },
        links: {
          verifyEmail: pageOf("verify-email"),
          resetPassword: pageOf("reset-password"),
          confirmEmailChange: pageOf("confirm-email"),
          loginWithCode: pageOf("login-code"),
        },
        ...options,
      }),
    ]);
    const cookieGate = await gate.another({ refreshCookie: true });
    await gate.user("ada", { email: "ada@example.com", role: "ADMIN" });
    await gate.user("bob", { email: "bob@example.com" });
    const stage = new Stage(url, server, gate, cookieGate, browser, folder);
    // One profile is opened before the tests, because a browser's first profile is slow to open.
    stage.#spares.push(await stage.#open());
    return stage;
  }

  /** Waits for a mail to an address, and returns the path of its link. */
  async linkTo(address: string): Promise<string> {
    return new RegExp(`${this.url}(\\S+)`).exec(await this.mailTo(address))?.[1] ?? "";
  }

  /** Waits for a mail to an address, and returns its text. */
  async mailTo(address: string): Promise<string> {
    const folder = join(dirname(this.gate.databasePath), "mail");
    let mail = "";
    await eventually(async () => {
      // A mail that is still being written has another file extension.
      const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".eml"));
      const mails = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
      mail = mails.find((source) => source.includes(`To: ${address}`)) ?? "";
      return mail !== "";
    });
    return (await simpleParser(mail)).text ?? "";
  }

  /** Counts the requests for an operation. */
  count(operation: string): number {
    return this.seen.filter((seen) => seen.operation === operation).length;
  }

  /** Returns an empty browser profile. A profile with options is not reused after the test. */
  async person(options?: PersonOptions): Promise<Person> {
    const spare = options === undefined ? this.#spares.pop() : undefined;
    const context = spare ?? (await this.#open(options));
    this.#contexts.push(context);
    if (options !== undefined) this.#special.add(context);
    return context;
  }

  #open(options: PersonOptions = {}): Promise<Person> {
    const complain = (problem: string) => {
      if (!this.expected?.test(problem)) this.#problems.push(problem);
    };
    return this.#browser.newPerson(options, {
      problem: complain,
      request: (url) => {
        if (!url.startsWith(this.url) && !LOCAL.test(url)) complain(url);
      },
    });
  }

  /** Gives a tab an authenticator. The tab is not reused after the test. */
  async addAuthenticator(page: Page): Promise<Authenticator> {
    this.#special.add(page.context());
    if (!this.#browser.addAuthenticator) throw new Error("Define the test with testWith().");
    return this.#browser.addAuthenticator(page);
  }

  /** Opens the example in a new tab of `person`, or of an empty profile. */
  async visit(person?: Person, path = ""): Promise<Page> {
    const context = person ?? (await this.person());
    const isFree = (url: string) => url === BLANK || url === this.url + REST;
    const blank = context.pages().find((page) => isFree(page.url()));
    const page = blank ?? (await context.newPage());
    await page.goto(this.url + path);
    return page;
  }

  /**
   * Clears the profiles and the records of a test.
   * @returns errors in the console, uncaught errors, and requests to other hosts
   */
  async reset(): Promise<string[]> {
    await Promise.all(this.#contexts.map((context) => this.#clear(context)));
    const problems = this.#problems;
    this.#contexts = [];
    this.#problems = [];
    this.fault = undefined;
    this.expected = undefined;
    this.seen.length = 0;
    return problems;
  }

  async #clear(context: Person): Promise<void> {
    const [page, ...others] = context.pages();
    if (this.#special.delete(context) || page === undefined) return context.close();
    await Promise.all(others.map((other) => other.close()));
    // WebDriver deletes only the cookies of the shown page. On this page, no request of the app can set them again.
    await page.goto(this.url + REST);
    await page.evaluate("localStorage.clear(); sessionStorage.clear()");
    await context.clearCookies();
    this.#spares.push(context);
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#cookieGate.close();
    await this.gate.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(incoming.url ?? "", this.url);
    if (/^\/(cookie\/)?graph/.test(pathname)) return this.#forward(pathname, incoming, response);
    const file = extname(pathname) === "" ? "/index.html" : pathname;
    response
      .writeHead(200, {
        "content-type": TYPES[extname(file)] ?? "",
        "content-security-policy": POLICY,
      })
      .end(pathname === `/${REST}` ? REST_PAGE : await readFile(join(this.#folder, file)));
  }

  /** Forwards a request unchanged, because the cookie mode checks `Host` and `Origin`. */
  async #forward(path: string, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(incoming);
    const operation = /(?:query|mutation) (\w+)/.exec(body)?.[1] ?? "";
    const { url } = path.startsWith("/cookie/") ? this.#cookieGate : this.gate;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const { method, headers } = incoming;
      request(url + path.replace(/^\/cookie/, ""), { method, headers }, resolve)
        .on("error", reject)
        .end(body);
    });
    const answered = await buffer(answer);
    if (incoming.method === "POST") {
      this.seen.push({ operation, path, answer: answered.toString() });
      const fault = this.fault?.(operation);
      if (fault) return fault(response, answered.toString());
    }
    response.writeHead(answer.statusCode ?? 502, answer.headers).end(answered);
  }
}

/** Builds the example in development mode, because React then checks more, and StrictMode runs effects twice. */
async function buildPage(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "page-"));
  const vite = ["node_modules/vite/bin/vite.js", "build", "examples/react-app"];
  await promisify(execFile)(
    process.execPath,
    [...vite, "--mode", "development", "--outDir", folder, "--emptyOutDir", "--logLevel", "error"],
    { cwd: ROOT, env: { ...process.env, NODE_ENV: "development" } },
  );
  return folder;
}
