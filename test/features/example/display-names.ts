import { type AuthContext, defineFeature } from "graphql-gatehouse";

/** An application's own data of a user: a display name, by the user's id. */
export const displayNames = defineFeature({
  name: "display-names",
  migrations: [
    {
      name: "2026-11-27-display-name",
      // Without a foreign key, as if the table were in another database.
      statements: [
        `create table "display_name" ("user_id" text not null primary key, "name" text not null)`,
      ],
    },
  ],
  create: ({ sql }) => {
    const find = async (id: string) => {
      const query = "SELECT name FROM display_name WHERE user_id = ?";
      const [row] = await sql.read<{ name: string }>(query, [id]);
      return row?.name ?? null;
    };
    return {
      extension: {
        typeDefs: `
          extend type User { displayName: String }
          extend type Mutation { setDisplayName(name: String!): String! @auth }`,
        resolvers: {
          User: { displayName: ({ id }: { id: string }) => find(id) },
          Mutation: {
            setDisplayName: async (_root, { name }: { name: string }, context: AuthContext) => {
              const { id } = await context.loadUser();
              await sql.write(
                `INSERT INTO display_name (user_id, name) VALUES (?, ?)
                 ON CONFLICT (user_id) DO UPDATE SET name = excluded.name RETURNING user_id`,
                [id, name],
              );
              return name;
            },
          },
        },
      },
      hooks: {
        onUserDeleted: async ({ id }) => {
          await sql.write("DELETE FROM display_name WHERE user_id = ? RETURNING user_id", [id]);
        },
      },
      exportUser: async (id) => ({ displayName: await find(id) }),
    };
  },
});
