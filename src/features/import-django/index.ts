import { oneOf, onOff } from "../../config/kinds.js";
import type { Sql } from "../../sql.js";
import { type CoreServices, defineFeature } from "../feature.js";
import type { Imported } from "./django-user.js";
import { djangoMigration } from "./migration.js";
import { EXPORT_OPTIONS, IMPORT_OPTIONS } from "./options.js";

const settings = {
  /** Whether users, passwords and tokens of a Django project work here. Needed for `gatehouse import-django`. */
  django: onOff({ variable: "DJANGO", default: false }),
  /** `simplejwt` adds the claim `user_id` to access tokens, so that simplejwt can read them. */
  jwtCompat: oneOf(["off", "simplejwt"], { variable: "JWT_COMPAT", default: "off" }),
};

/** Takes over the users of a Django project: their passwords, their roles, and the tokens that they hold. */
export const importDjango = defineFeature({
  name: "import-django",
  settings,
  migrations: [djangoMigration],
  commands: [
    {
      name: "import-django",
      description: "import the users, roles and tokens of a Django project, or what changed since",
      example: "import-django --from postgresql://django@db/shop --dry-run",
      options: IMPORT_OPTIONS,
      run: async (core, config, _args, print, options) => {
        const { runImport } = await import("./import-command.js");
        await runImport(core as CoreServices, config, options, print);
      },
    },
    {
      name: "export",
      description: "print all users and sessions, for a backup or for the way back to Django",
      example: "export --users --sessions --format django > gatehouse.json",
      options: EXPORT_OPTIONS,
      run: async ({ sql }, { roles }, _args, print, options) => {
        const { runExport } = await import("./export.js");
        await runExport(sql, roles, options, print);
      },
    },
  ],
  isOn: ({ django }) => django,
  create: ({ sql }) => ({
    hooks: { onUserDeleted: () => forgetDeleted(sql) },
    exportUser: (userId) => readImported(sql, userId),
  }),
});

/** Removes what the last import said about users who have been deleted. The row itself stays. */
async function forgetDeleted(sql: Sql): Promise<void> {
  await sql.write(
    "UPDATE django_user SET imported = '' WHERE user_id IS NULL AND imported <> '' RETURNING django_id",
    [],
  );
}

/** Returns what the last import said about a user, without fingerprints of secrets. */
async function readImported(sql: Sql, userId: string): Promise<unknown> {
  const [row] = await sql.read<{ djangoId: string; imported: string }>(
    `SELECT django_id AS "djangoId", imported FROM django_user WHERE user_id = ?`,
    [userId],
  );
  if (row === undefined) return null;
  const imported = JSON.parse(row.imported) as Imported;
  return { djangoId: row.djangoId, ...imported, password: undefined, key: undefined };
}
