import type { TextRow } from "../../database/read-only.js";
import type { AuthScheme } from "../../events.js";
import { parseInstant } from "./django-user.js";
import { jwtSessionIdOf, userIdOf } from "./identity.js";
import type { IssuedToken } from "./openable-tokens.js";
import type { Report } from "./report.js";
import type { SimpleJwt } from "./simplejwt-settings.js";

/** A token of simplejwt that has not expired. Instants are epoch milliseconds. */
export interface OutstandingToken extends IssuedToken {
  /** The user's primary key in Django. */
  readonly djangoId: string;
  readonly jti: string;
  /** The primary key in the table `token_blacklist_outstandingtoken`. */
  readonly outstandingId: string;
  readonly scheme: AuthScheme;
  readonly createdAt: number;
  /** The token can be refreshed until this time. */
  readonly expiresAt: number;
  /** The time from which Django refuses the token. */
  readonly deadAt: number;
  readonly isBlacklisted: boolean;
}

type Payload = Readonly<Record<string, unknown>>;

/** Texts that say why tokens are not imported, and what to do. */
const REFUSALS = {
  otherUser:
    'Their claim about the user is not the primary key, for example because USER_ID_FIELD is not "id". ' +
    "Do not set DJANGO_TOKENS_UNTIL: a user could be authenticated as another user.",
  revocable:
    "They have the claim of CHECK_REVOKE_TOKEN, so Gatehouse does not accept them. Their users must log in again.",
};

type Refusal = keyof typeof REFUSALS;

/**
 * Reads the rows of simplejwt's tables. Does not verify the tokens, because simplejwt stores only tokens that it has
 * issued. Reports the tokens that cannot be imported.
 */
export class TokenReader {
  readonly #names: SimpleJwt;
  readonly #now: number;
  readonly #report: Report;
  /** For each reason, the number of refused tokens, and the primary key of the first one. */
  readonly #refused = new Map<Refusal, { count: number; first: string }>();

  /** @param now when the import started, in epoch milliseconds */
  constructor(names: SimpleJwt, now: number, report: Report) {
    this.#names = names;
    this.#now = now;
    this.#report = report;
  }

  /** Returns the tokens that can be imported. */
  read(rows: readonly TextRow[]): OutstandingToken[] {
    return rows.flatMap((row) => {
      const payload = readPayload(row["token"] ?? "");
      const token = payload && this.#parse(row, payload);
      if (payload === null || token === null) {
        const text = `The token ${row["id"]} of simplejwt cannot be read, so it is not imported.`;
        this.#report.remark(null, "token", text);
        return [];
      }
      if (token.expiresAt <= this.#now) return [];
      const refusal = this.#findRefusal(row, payload);
      if (refusal === null) return token;
      const { count, first } = this.#refused.get(refusal) ?? {
        count: 0,
        first: token.outstandingId,
      };
      this.#refused.set(refusal, { count: count + 1, first });
      return [];
    });
  }

  /** Reports the refused tokens, in one line for each reason, because there may be a million tokens. */
  reportRefused(): void {
    for (const [refusal, { count, first }] of this.#refused) {
      const tokens = `${count.toLocaleString("en")} tokens of simplejwt, such as ${first}, are not imported.`;
      this.#report.remark(null, "token", `${tokens} ${REFUSALS[refusal]}`);
    }
  }

  /** @returns null if the row is broken or names no user */
  #parse(row: TextRow, payload: Payload): OutstandingToken | null {
    const { id, jti } = row;
    if (id == null || jti == null) return null;
    const claimed = payload[this.#names.USER_ID_CLAIM];
    const { exp, iat } = payload;
    const refreshExp = payload[this.#names.SLIDING_TOKEN_REFRESH_EXP_CLAIM];
    const djangoId = row["user_id"] ?? (isUserId(claimed) ? String(claimed) : null);
    const end = refreshExp ?? exp;
    if (!isTime(end) || djangoId === null) return null;
    const storedAt = parseInstant(row["created_at"]);
    return {
      sessionId: jwtSessionIdOf(jti),
      userId: userIdOf(djangoId),
      djangoId,
      jti,
      outstandingId: id,
      // Only a sliding token has `refreshExp`.
      scheme: refreshExp === undefined ? "JWT" : "SLIDING",
      createdAt: storedAt ?? this.#now,
      // Prefer the claim `iat`, which the server also uses when it gets the token.
      issuedAt: isTime(iat) ? Math.trunc(iat * 1000) : storedAt,
      expiresAt: Math.round(end * 1000),
      deadAt: Math.round(Math.max(end, isTime(exp) ? exp : 0) * 1000),
      isBlacklisted: row["blacklisted"] != null,
    };
  }

  #findRefusal({ user_id: djangoId }: TextRow, payload: Payload): Refusal | null {
    if (Object.hasOwn(payload, this.#names.REVOKE_TOKEN_CLAIM)) return "revocable";
    const claimed = payload[this.#names.USER_ID_CLAIM];
    const isOwn =
      djangoId == null || (isUserId(claimed) && userIdOf(claimed) === userIdOf(djangoId));
    return isOwn ? null : "otherUser";
  }
}

/** Returns whether a value is a time in epoch seconds that a `Date` can have. */
function isTime(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 8.64e12;
}

function isUserId(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function readPayload(token: string): Payload | null {
  try {
    const text = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
    const payload: unknown = JSON.parse(text);
    return typeof payload === "object" ? (payload as Payload) : null;
  } catch {
    return null;
  }
}
