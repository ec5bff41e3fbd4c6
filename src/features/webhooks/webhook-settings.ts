import { isLoopback } from "../../config/server-config.js";

/**
 * Returns whether webhooks may be sent to a URL. Plain HTTP is allowed only on loopback, because elsewhere others could
 * read the events.
 */
export function isWebhookUrl(text: string): boolean {
  if (!URL.canParse(text) || /\s/.test(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  const isSafe =
    protocol === "https:" ||
    (protocol === "http:" && isLoopback(hostname.replace(/^\[(.*)\]$/, "$1")));
  return isSafe && username === "" && password === "";
}

/** Returns the secrets in a text that separates them by spaces or commas. */
export function splitSecrets(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((secret) => secret !== "");
}

export function areSecrets(text: string): boolean {
  const secrets = splitSecrets(text);
  return secrets.length > 0 && secrets.every(isSecret);
}

/** @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme */
function isSecret(text: string): boolean {
  const [, base64 = ""] = /^whsec_(.+)$/.exec(text) ?? [];
  const key = Buffer.from(base64, "base64");
  return key.toString("base64") === base64 && key.length >= 24 && key.length <= 64;
}
