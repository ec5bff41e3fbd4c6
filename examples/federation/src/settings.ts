/** Returns the port to listen on; 0 lets the system pick one. */
export function readPort(text = "4000"): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new TypeError("PORT: must be a whole number from 0 to 65535");
}

/** Returns the subgraphs that a gateway serves. */
export function readSubgraphs(): { name: string; url: string }[] {
  const { ACCOUNTS_URL = "http://localhost:4000/graphql", REVIEWS_URL = "http://localhost:4001/" } =
    process.env;
  return [
    { name: "accounts", url: ACCOUNTS_URL },
    { name: "reviews", url: REVIEWS_URL },
  ];
}
