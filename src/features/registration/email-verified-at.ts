import type { SchemaExtension } from "../../graphql/schema.js";
import { userField } from "../../graphql/user-field.js";
import type { Sql } from "../../sql.js";

/**
 * Returns the field `User.emailVerifiedAt`. The field is not defined with type-graphql, because it would then be in the
 * schemas of all servers of the process, even with `registration: "closed"`.
 */
export function emailVerifiedAt(sql: Sql): SchemaExtension {
  return {
    typeDefs: `extend type User {
      """When the user proved the e-mail address. Null if the address is not proved, or if there is no address."""
      emailVerifiedAt: DateTime
    }`,
    resolvers: { User: { emailVerifiedAt: userField((ids) => readInstants(sql, ids)) } },
  };
}

async function readInstants(sql: Sql, ids: readonly string[]): Promise<Map<string, Date>> {
  const rows = await sql.readOnce<{ userId: string; verifiedAt: number }>(
    `SELECT u.id AS "userId", v.verified_at AS "verifiedAt" FROM verified_address v
     JOIN "user" u ON u.id = v.user_id AND u.email_key = v.email_key
     WHERE u.id IN (${ids.map(() => "?").join(", ")})`,
    ids,
  );
  return new Map(rows.map(({ userId, verifiedAt }) => [userId, new Date(verifiedAt)]));
}
