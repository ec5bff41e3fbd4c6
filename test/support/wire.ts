import { connect } from "node:net";

/** A response as received on the socket. */
export interface WireAnswer {
  status: number;
  head: string;
  text: string;
  /** `extensions` of the first error, if the body is JSON. */
  extensions: Record<string, any> | undefined;
}

/**
 * Sends a GraphQL request with exactly these header lines. `fetch` would trim, merge or refuse some of them.
 * @param lines whole lines without line breaks, in Latin-1
 */
export function askWithLines(url: string, query: string, lines: string[]): Promise<WireAnswer> {
  const { hostname, port, host } = new URL(url);
  const body = Buffer.from(JSON.stringify({ query }));
  const head = [
    "POST /graphql HTTP/1.1",
    `Host: ${host}`,
    "Content-Type: application/json",
    "Accept: application/graphql-response+json",
    `Content-Length: ${body.length}`,
    "Connection: close",
    ...lines,
  ].join("\r\n");
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => {
      socket.write(Buffer.concat([Buffer.from(`${head}\r\n\r\n`, "latin1"), body]));
    });
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => {
      resolve(parseAnswer(Buffer.concat(chunks).toString("utf8")));
    });
  });
}

function parseAnswer(answer: string): WireAnswer {
  const [head = "", text = ""] = answer.split("\r\n\r\n", 2);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
  const extensions = text.startsWith("{") ? JSON.parse(text).errors?.[0]?.extensions : undefined;
  return { status, head, text, extensions };
}

/** A connection on which a test can write anything at any time. */
export interface Connection {
  write(text: string | Buffer): void;
  /** Everything received so far, in Latin-1. */
  readonly received: string;
  /** Resolves when everything received so far matches. */
  waitFor(pattern: RegExp): Promise<void>;
  /** Resolves with everything received, once the other side has closed. */
  readonly closed: Promise<string>;
  close(): void;
}

/** Opens a connection to the host and port of `url`. */
export async function openConnection(url: string): Promise<Connection> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = "";
  socket.on("data", (chunk) => (received += chunk.toString("latin1")));
  // A reset connection counts as closed.
  socket.on("error", () => undefined);
  const closed = new Promise<string>((resolve) => {
    socket.once("close", () => {
      resolve(received);
    });
  });
  await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
  return {
    write: (text) =>
      void socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text),
    get received() {
      return received;
    },
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (pattern.test(received)) resolve();
          else if (socket.destroyed) reject(new Error(`It closed before ${pattern}: ${received}`));
        };
        socket.on("data", look).once("close", look);
        look();
      }),
    closed,
    close: () => {
      socket.destroy();
    },
  };
}

/** Sends exactly these bytes, and returns the response when the other side has closed. */
export async function sendRaw(url: string, text: string | Buffer): Promise<WireAnswer> {
  const connection = await openConnection(url);
  connection.write(text);
  return parseAnswer(await connection.closed);
}

/**
 * Builds a whole request, by default a POST to `/graphql`. Header lines replace the default lines of the same name. An
 * empty body gets no Content-Type and no Content-Length. A chunked body gets no Content-Length.
 */
export function rawRequest(
  body: string | Buffer,
  lines: readonly string[] = [],
  start = "POST /graphql HTTP/1.1",
): Buffer {
  const nameOf = (line: string) => (line.split(":")[0] ?? "").trim().toLowerCase();
  const given = new Set(lines.map(nameOf));
  const isEmpty = body.length === 0;
  const ours = [
    "Host: localhost",
    "Connection: close",
    ...(isEmpty ? [] : ["Content-Type: application/json"]),
    ...(isEmpty || given.has("transfer-encoding")
      ? []
      : [`Content-Length: ${Buffer.byteLength(body)}`]),
  ].filter((line) => !given.has(nameOf(line)));
  const head = Buffer.from(`${[start, ...ours, ...lines].join("\r\n")}\r\n\r\n`, "latin1");
  return Buffer.concat([head, Buffer.from(body)]);
}
