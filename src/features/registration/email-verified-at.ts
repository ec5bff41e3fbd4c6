import DataLoader from "dataloader";
import type { SchemaExtension } from "../../graphql/schema.js";
import type { Sql } from "../../sql.js";

/**
 * Returns the field `User.emailVerifiedAt`. If a query selects the field, one statement reads it for all users of a
 * list. Type-graphql is not used here: it keeps its fields for the whole process. A server of the same process with
 * `registration: "closed"` would have the field, too.
 */
export function emailVerifiedAt(sql: Sql): SchemaExtension {
  const loaders = new WeakMap<object, DataLoader<string, Date | null>>();
  const loaderOf = (context: object) => {
    const loader = loaders.get(context) ?? createLoader(sql);
    loaders.set(context, loader);
    return loader;
  };
  return {
    typeDefs: `extend type User {
      """When the user proved the e-mail address. Null if it is not proved, or there is none."""
      emailVerifiedAt: DateTime
    }`,
    resolvers: {
      User: {
        emailVerifiedAt: (user: { readonly id: string }, _args: unknown, context: object) =>
          loaderOf(context).load(user.id),
      },
    },
  };
}

function createLoader(sql: Sql): DataLoader<string, Date | null> {
  // Not cached, because a mutation of the same request may change it.
  return new DataLoader(
    async (ids) => {
      const rows = await sql.readOnce<{ userId: string; verifiedAt: number | string }>(
        `SELECT u.id AS "userId", v.verified_at AS "verifiedAt" FROM verified_address v
         JOIN "user" u ON u.id = v.user_id AND u.email_key = v.email_key
         WHERE u.id IN (${ids.map(() => "?").join(", ")})`,
        ids,
      );
      const instants = new Map(
        rows.map(({ userId, verifiedAt }) => [userId, new Date(Number(verifiedAt))]),
      );
      return ids.map((id) => instants.get(id) ?? null);
    },
    { cache: false },
  );
}
