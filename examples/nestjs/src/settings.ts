/** Returns the port to listen on; 0 lets the system pick one. */
export function readPort(text = "4000"): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new TypeError("PORT: must be a whole number from 0 to 65535");
}
