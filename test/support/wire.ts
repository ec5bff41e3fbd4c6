import { connect } from "node:net";

/** What came back over the socket. */
export interface WireAnswer {
  status: number;
  head: string;
  text: string;
  /** `extensions` of the first error, if the body is JSON. */
  extensions: Record<string, any> | undefined;
}

/**
 * POSTs a GraphQL request with exactly these header lines, which `fetch` would trim, merge or refuse.
 * @param lines each a whole line without its end, in Latin-1
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
