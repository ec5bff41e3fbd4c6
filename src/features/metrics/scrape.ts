import { Registry } from "prom-client";
import { NoCredentials } from "../../authentication/errors.js";
import { TokenNotValid } from "../../tokens/errors.js";
import { hashSecret, isSecretOf } from "../../tokens/secret-hash.js";
import type { Metrics } from "./metrics.service.js";

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/**
 * Returns the metrics as text.
 * @param authorization the `Authorization` header of the request
 * @throws {@link NoCredentials}, {@link TokenNotValid}
 */
export type Scrape = (authorization: string | null) => Promise<string>;

/** @param token the token that scrapers must send. If undefined, every scraper gets an answer. */
export function createScrape(metrics: Metrics, token: string | undefined): Scrape {
  const expected = token === undefined ? null : hashSecret(token);
  return async (authorization) => {
    if (expected !== null) requireToken(authorization, expected);
    return metrics.render();
  };
}

/** @throws {@link NoCredentials}, {@link TokenNotValid} */
function requireToken(header: string | null, expected: string): void {
  const [, sent] = /^bearer +(\S+)$/i.exec(header ?? "") ?? [];
  if (sent === undefined) {
    throw new NoCredentials("Send METRICS_TOKEN as `Authorization: Bearer <token>`.");
  }
  if (!isSecretOf(expected, sent)) throw new TokenNotValid();
}
