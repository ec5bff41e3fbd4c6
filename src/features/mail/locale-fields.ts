import type { AuthContext } from "../../authentication/context.js";
import type { SchemaExtension } from "../../graphql/schema.js";
import { userField } from "../../graphql/user-field.js";
import { toUserType } from "../../graphql/user.type.js";
import type { CoreServices } from "../feature.js";
import type { RunStatement } from "../../sql.js";
import { readLocales, requireLocale, storeLocale } from "./locale.js";

export function localeFields({
  sql,
  onEvent,
}: Pick<CoreServices, "sql" | "onEvent">): SchemaExtension {
  return {
    typeDefs: `
      extend type User {
        """The language of the mails to the user, such as \`de-AT\`. Null if it is not known: mails are then in English."""
        locale: String
      }
      extend type Mutation {
        """Sets the language of the mails to the caller: a language tag (BCP 47) such as \`de-AT\`. Null removes the language."""
        setLocale(locale: String): User! @auth
      }`,
    resolvers: {
      User: { locale: userField((ids) => readLocales(sql, ids)) },
      Mutation: {
        setLocale: async (
          _root: unknown,
          { locale = null }: { locale?: string | null },
          context: AuthContext,
        ) => {
          const user = await context.loadUser();
          const valid = locale === null ? null : requireLocale(locale);
          const run: RunStatement = (text, values) => sql.write(text, values);
          if (await storeLocale(run, user.id, valid))
            onEvent({ type: "mail:locale_changed", userId: user.id }, context.client);
          return toUserType(user);
        },
      },
    },
  };
}
