import { z } from "zod";
import { oneOf, onOff } from "../../config/kinds.js";
import type { Problem } from "../../config/problems.js";
import type { ConfigOf, Setting } from "../../config/setting.js";
import type { Sql } from "../../sql.js";
import { type CoreServices, defineFeature } from "../feature.js";
import type { Imported } from "./django-user.js";
import { djangoMigration } from "./migration.js";
import { refuseIssued } from "./refuse-issued.js";
import { seenTokenPruneRule } from "./seen-tokens.js";
import { EXPORT_OPTIONS, IMPORT_OPTIONS } from "./options.js";
import { hasPublicKey, isAsymmetric, SIMPLE_JWT, verificationKeyOf } from "./simplejwt-settings.js";

const DAY = 86_400_000;

const settings = {
  /**
   * Whether users imported from Django can log in with their Django passwords and keys. Needed for `gatehouse
   * import-django`.
   */
  django: onOff({ variable: "DJANGO", default: false }),
  /**
   * The key that signs the tokens of simplejwt. This is `SIGNING_KEY` of `SIMPLE_JWT`, or else Django's `SECRET_KEY`.
   */
  djangoSecretKey: {
    variable: "DJANGO_SECRET_KEY",
    check: z.string().min(1).optional(),
    allowed: "simplejwt's SIGNING_KEY, or Django's SECRET_KEY",
  } satisfies Setting,
  /** The last day, in UTC, on which tokens of simplejwt are accepted. Without this setting, all are refused. */
  djangoTokensUntil: {
    variable: "DJANGO_TOKENS_UNTIL",
    check: z.iso.date().optional(),
    allowed: "a date such as 2027-01-31",
  } satisfies Setting,
  /**
   * How to read simplejwt's tokens, as JSON with the names of `SIMPLE_JWT`: `ALGORITHM`, `VERIFYING_KEY`, `AUDIENCE`,
   * `ISSUER`, `LEEWAY` in whole seconds, `USER_ID_CLAIM`, `TOKEN_TYPE_CLAIM`, `JTI_CLAIM`,
   * `SLIDING_TOKEN_REFRESH_EXP_CLAIM` and `REVOKE_TOKEN_CLAIM`. A name that is left out has simplejwt's default.
   * `USER_ID_FIELD` must be `id`, and `CHECK_REVOKE_TOKEN` must be `false`.
   */
  djangoSimpleJwt: {
    variable: "DJANGO_SIMPLE_JWT",
    check: SIMPLE_JWT.prefault({}),
    read: parseJson,
    allowed: {
      option: "an object with names of SIMPLE_JWT",
      variable: 'JSON, such as {"ALGORITHM":"HS256"}',
    },
  } satisfies Setting,
  /** With `simplejwt`, access tokens get the claim `user_id`, so that Django's simplejwt can read them. */
  jwtCompat: oneOf(["off", "simplejwt"], { variable: "JWT_COMPAT", default: "off" }),
};

type DjangoConfig = Omit<ConfigOf<typeof settings>, "django">;

/** Imports the users of a Django project with their passwords, roles and tokens. */
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
      run: async ({ sql, now }, { roles }, _args, print, options) => {
        const { runExport } = await import("./export.js");
        await runExport(sql, roles, now(), options, print);
      },
    },
  ],
  isOn: ({ django }) => django,
  findProblems: ({ django, ...config }) =>
    django ? [...findUnsupported(config), ...findWrong(config)] : findUnused(config),
  create: async (core: CoreServices, config) => {
    const { DjangoPasswords } = await import("./django-passwords.js");
    const { parseKey } = await import("./django-keys.js");
    core.hasher.acceptForeign(new DjangoPasswords(core.sql));
    core.verifier.acceptForeignKeys(parseKey);
    core.sessions.addEndingStep((run, ending) => refuseIssued(run, ending, core.now()));
    if (config.djangoTokensUntil !== undefined) {
      const { SimpleJwtTokens } = await import("./simplejwt-tokens.js");
      core.kinds.acceptForeign(
        new SimpleJwtTokens(core, {
          simpleJwt: config.djangoSimpleJwt,
          key: verificationKeyOf(config.djangoSimpleJwt, config.djangoSecretKey),
          acceptedUntil: endOf(config.djangoTokensUntil),
          sessionLifetime: config.sessionLifetime,
        }),
      );
    }
    const { readDjangoId } = await import("./django-id.js");
    const djangoIdOf = (userId: string) => readDjangoId(core.sql, userId);
    if (config.jwtCompat === "simplejwt") {
      // simplejwt finds the user by the claim `user_id`. A user who did not come from Django has no such id.
      core.issuer.addClaims(async (userId) => {
        const djangoId = await djangoIdOf(userId);
        return djangoId === undefined ? {} : { user_id: djangoId };
      });
    }
    return {
      api: { djangoIdOf },
      announce: () => describeTokens(config.djangoTokensUntil, core.now()),
      prune: [seenTokenPruneRule(config.djangoSimpleJwt.LEEWAY)],
      hooks: { onUserDeleted: () => forgetDeleted(core.sql) },
      exportUser: (userId) => readImported(core.sql, userId),
    };
  },
});

/** Returns the end of a day in UTC. */
function endOf(day: string): number {
  return Date.parse(day) + DAY;
}

/** Returns the line that the server prints at the start: whether tokens of simplejwt are accepted. */
function describeTokens(until: string | undefined, now: number): string {
  if (until === undefined) return "Tokens of simplejwt: refused";
  const state = now < endOf(until) ? "accepted until" : "refused since";
  return `Tokens of simplejwt: ${state} the end of ${until}`;
}

/**
 * Returns a problem for each setting that is set, but does nothing while `django` is off. Does not report
 * `djangoSimpleJwt`, because it always has a value.
 */
function findUnused(config: DjangoConfig): Problem[] {
  const used = [
    ...(config.djangoSecretKey === undefined ? [] : ["djangoSecretKey"]),
    ...(config.djangoTokensUntil === undefined ? [] : ["djangoTokensUntil"]),
    ...(config.jwtCompat === "off" ? [] : ["jwtCompat"]),
  ];
  return used.map((option) => ({ option, message: "does nothing without", other: "django" }));
}

/** Returns a problem for each setting of simplejwt that prevents Gatehouse from accepting the tokens. */
function findUnsupported({ djangoSimpleJwt }: DjangoConfig): Problem[] {
  const { USER_ID_FIELD, CHECK_REVOKE_TOKEN } = djangoSimpleJwt;
  const faults = [
    ...(USER_ID_FIELD === "id" ? [] : ['USER_ID_FIELD other than "id"']),
    ...(CHECK_REVOKE_TOKEN ? ["CHECK_REVOKE_TOKEN"] : []),
  ];
  return faults.map((fault) => ({
    option: "djangoSimpleJwt",
    message: `cannot have ${fault}. Such tokens are not accepted, so their users must log in again. Remove it, and`,
    other: "djangoTokensUntil",
  }));
}

function findWrong(config: DjangoConfig): Problem[] {
  const { djangoSecretKey, djangoTokensUntil, djangoSimpleJwt } = config;
  if (djangoTokensUntil === undefined) {
    return djangoSecretKey === undefined
      ? []
      : [{ option: "djangoTokensUntil", message: "is required with", other: "djangoSecretKey" }];
  }
  if (isAsymmetric(djangoSimpleJwt)) {
    const message = "must have VERIFYING_KEY, the public key of its ALGORITHM in PEM";
    return hasPublicKey(djangoSimpleJwt) ? [] : [{ option: "djangoSimpleJwt", message }];
  }
  return djangoSecretKey === undefined
    ? [{ option: "djangoSecretKey", message: "is required with", other: "djangoTokensUntil" }]
    : [];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * Removes the imported data of deleted users, but keeps their rows in `django_user`. Without its row, the next import
 * would create a deleted user again.
 */
async function forgetDeleted(sql: Sql): Promise<void> {
  await sql.write(
    "UPDATE django_user SET imported = '' WHERE user_id IS NULL AND imported <> '' RETURNING django_id",
    [],
  );
}

/** Returns the imported data of a user, without hashes of secrets. */
async function readImported(sql: Sql, userId: string): Promise<unknown> {
  const [row] = await sql.read<{ djangoId: string; imported: string }>(
    `SELECT django_id AS "djangoId", imported FROM django_user WHERE user_id = ?`,
    [userId],
  );
  if (row === undefined) return null;
  const imported = JSON.parse(row.imported) as Imported;
  return { djangoId: row.djangoId, ...imported, password: undefined, key: undefined };
}
