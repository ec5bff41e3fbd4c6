import { readHeader, type RequestLike } from "../../authentication/request.js";
import { BadUserInput } from "../../errors.js";
import type { RunStatement, Sql } from "../../sql.js";

/** The longest language tag, in characters. @see RFC 5646 4.4.1 */
const MAX_LENGTH = 35;

/**
 * Returns the first language of `Accept-Language`, such as `de-AT`. Returns null if there is no valid one.
 * @see RFC 9110 12.5.4
 */
export function preferredLocale(request: RequestLike): string | null {
  const [first = ""] = (readHeader(request, "accept-language") ?? "").split(/[,;]/, 1);
  return toLocale(first.trim());
}

/**
 * Stores the language of a user.
 * @param locale null to remove the stored language
 * @returns whether the stored language has changed
 */
export async function storeLocale(
  run: RunStatement,
  userId: string,
  locale: string | null,
): Promise<boolean> {
  const changed =
    locale === null
      ? await run(`DELETE FROM user_locale WHERE user_id = ? RETURNING user_id`, [userId])
      : await run(
          `INSERT INTO user_locale (user_id, locale) SELECT id, ? FROM "user" WHERE id = ?
           ON CONFLICT (user_id) DO UPDATE SET locale = excluded.locale
             WHERE user_locale.locale <> excluded.locale
           RETURNING user_id`,
          [locale, userId],
        );
  return changed.length > 0;
}

export async function readLocales(sql: Sql, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await sql.readOnce<{ userId: string; locale: string }>(
    `SELECT user_id AS "userId", locale FROM user_locale
     WHERE user_id IN (${ids.map(() => "?").join(", ")})`,
    ids,
  );
  return new Map(rows.map(({ userId, locale }) => [userId, locale]));
}

/**
 * Returns the canonical form of a language tag.
 * @throws {@link BadUserInput} if the text is not a language tag, or is too long
 */
export function requireLocale(text: string): string {
  const locale = toLocale(text);
  if (locale !== null) return locale;
  throw new BadUserInput(
    `locale must be a language tag of at most ${MAX_LENGTH} characters, such as de-AT.`,
  );
}

/** Returns the canonical form of a language tag (BCP 47). Returns null if the text is not one, or is too long. */
function toLocale(text: string): string | null {
  if (text.length > MAX_LENGTH) return null;
  try {
    return Intl.getCanonicalLocales(text)[0] ?? null;
  } catch {
    return null;
  }
}
