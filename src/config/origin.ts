import { text } from "./kinds.js";

/** Returns whether a text is one origin. Refuses a `*` in the host, because people write it to mean any host. */
export function isOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value && !value.includes("*");
}

/** The setting of the URL at which clients reach Gatehouse. */
export const PUBLIC_URL = {
  ...text({
    variable: "PUBLIC_URL",
    accepts: (value) => isOrigin(value) && /^https?:/.test(value),
    allowed: "an origin such as https://auth.example.com",
  }),
  fault: describe,
};

/** Returns why an HTTP URL is not an origin, without repeating the URL. Returns "" if the value is no HTTP URL. */
function describe(value: unknown): string {
  if (typeof value !== "string" || !/^https?:/i.test(value) || !URL.canParse(value)) return "";
  const { username, password, pathname, search, hash } = new URL(value);
  if (username !== "" || password !== "") return "holds a user name or a password";
  if (pathname !== "/") return "has a path";
  if (search !== "" || hash !== "") return "has a query or a fragment";
  return value.endsWith("/") ? "ends in a slash" : "is not spelt as browsers spell it";
}
