import { list, text } from "./kinds.js";

export const CORS_ORIGINS = list({
  variable: "CORS_ORIGINS",
  accepts: isOrigin,
  allowed: "exact origins such as https://app.example.com",
  faultOf: describe,
});

export const PUBLIC_URL = {
  ...text({
    variable: "PUBLIC_URL",
    accepts: (value) => isOrigin(value) && /^https?:/.test(value),
    allowed: "an origin such as https://auth.example.com",
  }),
  fault: describe,
};

/**
 * Returns whether a text is one origin. Returns false for `https://*.example.com`, which stands for several origins.
 */
function isOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value && !value.includes("*");
}

/**
 * Returns why a refused text is not an origin, such as `has a path`. Returns "" for a text that does not look like an
 * origin, such as `hello`.
 */
function describe(value: unknown): string {
  if (typeof value !== "string") return "";
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.username || url?.password) return "holds a user name or a password";
  if (value.includes("*")) return "has a *, and cannot stand for several origins";
  if (!/^https?:/i.test(value) || url === undefined) return "";
  if (url.pathname !== "/") return "has a path";
  if (url.search !== "" || url.hash !== "") return "has a query or a fragment";
  return value.endsWith("/") ? "ends in a slash" : "is not spelt as browsers spell it";
}
