import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Route } from "../route.js";

/** The folder into which `npm run build` copies GraphiQL's files. */
const ASSETS = join(import.meta.dirname, "../../../assets/graphiql");

/**
 * The content security policy allows only scripts of this server. It also allows inline styles, because GraphiQL's
 * editor needs them.
 */
const PAGE_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; " +
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

const JAVASCRIPT = "text/javascript; charset=utf-8";
const FILES = {
  "graphiql.css": "text/css; charset=utf-8",
  "graphiql.min.js": JAVASCRIPT,
  "main.css": "text/css; charset=utf-8",
  "main.js": JAVASCRIPT,
  "react.production.min.js": JAVASCRIPT,
  "react-dom.production.min.js": JAVASCRIPT,
};

/**
 * Returns the routes of GraphiQL: the page at `GET /graphql`, and the files that the page loads.
 * @throws Error when the package was not built
 */
export async function readGraphiql(): Promise<Route[]> {
  const page = await readAsset("index.html");
  const files = await Promise.all(
    Object.entries(FILES).map(async ([name, type]) => {
      const headers = { "content-type": type, "cache-control": "public, max-age=3600" };
      return serve(`/graphiql/${name}`, await readAsset(name), headers);
    }),
  );
  return [
    {
      method: "GET",
      path: "/graphql",
      handle: ({ headers }) =>
        headers.get("accept")?.includes("text/html")
          ? new Response(page, { headers: PAGE_HEADERS })
          : refuseMethod(),
    },
    ...files,
  ];
}

/**
 * Refuses a `GET` request that does not accept HTML, because GraphQL is served only by `POST`.
 * @see RFC 9110 15.5.6
 */
function refuseMethod(): Response {
  const error = { message: "GraphQL is at POST /graphql.", extensions: { code: "BAD_REQUEST" } };
  return Response.json({ errors: [error] }, { status: 405, headers: { allow: "POST" } });
}

function serve(path: string, body: Buffer, headers: Record<string, string>): Route {
  return { method: "GET", path, handle: () => new Response(body, { headers }) };
}

async function readAsset(name: string): Promise<Buffer> {
  try {
    return await readFile(join(ASSETS, name));
  } catch (error) {
    throw new Error("GraphiQL's files are missing: run `npm run build`.", { cause: error });
  }
}
