import type { Role } from "../../accounts/role.js";
import { Sealer } from "../../keys/sealing.js";
import { deleteBatch } from "../../maintenance/prune-rule.js";
import { administration } from "../administration/index.js";
import { type CoreServices, defineFeature } from "../feature.js";
import { mail } from "../mail/index.js";
import type { LoginChallenges, SecondFactors } from "./factor.js";
import { secondFactorMigration } from "./migration.js";
import { POLICY, roleIn, rolesRequired } from "./policy.js";

const settings = {
  /**
   * Whether users can have a second factor (`optional`), must have one (`required`), or must have one if their role
   * is at least the named one (`required-for:ADMIN`).
   */
  secondFactor: POLICY,
};

/** How often to look for secrets that are encrypted with an earlier `SECRET_KEY`, in seconds. */
const RESEAL_INTERVAL = 600;

/**
 * Asks users for a second factor at login: a code of an authenticator app, a recovery code, or a factor of another
 * feature, such as a passkey.
 */
export const secondFactor = defineFeature({
  name: "second-factor",
  uses: ["administration", "mail"],
  settings,
  loadEntities: async () => Object.values(await import("./second-factor.entity.js")),
  migrations: [secondFactorMigration],
  isOn: (config) => config.secondFactor !== "off",
  findProblems: ({ secondFactor: policy, roles }) => {
    const role = roleIn(policy);
    if (role === null || roles.has(role)) return [];
    return [{ option: "secondFactor", message: "names a role that is not in", other: "roles" }];
  },
  create: async (core: CoreServices, config, apiOf) => {
    const { ChallengesService, CHALLENGE_RETENTION } = await import("./challenges.service.js");
    const { Notices } = await import("./notices.js");
    const { OwnFactorsService } = await import("./own-factors.service.js");
    const { RecoveryCodes } = await import("./recovery-codes.js");
    const { RemoveSecondFactorResolver } = await import("./remove-second-factor.resolver.js");
    const { SecondFactorResolver } = await import("./second-factor.resolver.js");
    const { SecondFactorsService } = await import("./second-factors.service.js");
    const { TotpFactor } = await import("./totp.js");
    const notices = new Notices(apiOf.ifOn(mail)?.mail);
    const sealer = new Sealer(core.deriveKeys("second-factor"));
    const totp = new TotpFactor(core, sealer, issuerOf(config));
    const codes = new RecoveryCodes(core, notices);
    const factors = new SecondFactorsService(core, codes, notices);
    factors.register(totp);
    factors.register(codes);
    const secondFactors: SecondFactors = factors;
    core.signInMethods.addRemoval((run, userId) => totp.remove(run, userId));
    core.signInMethods.addRemoval((run, userId) => codes.remove(run, userId));
    const challenges = new ChallengesService(core, factors);
    const loginChallenges: LoginChallenges = challenges;
    core.authentication.requireSecondStep({
      require: (login) => challenges.requireSecondStep(login),
      needsNone: (methods) => factors.needsNoneSql(methods),
    });
    core.attempts.keepCountIf(
      () => `EXISTS (SELECT 1 FROM "user" u WHERE u.id = "user".id AND ${factors.isEnrolledSql})`,
    );
    const requiredOf = rolesRequired(config.secondFactor, config.roles);
    if (requiredOf.length > 0) requireEnrolment(core, factors, requiredOf, config.roles.lowest);
    const own = new OwnFactorsService(core, { factors, totp, codes, requiredOf });
    const hasAdministration = apiOf.ifOn(administration) !== undefined;
    return {
      api: { secondFactors, loginChallenges },
      resolvers: [
        new SecondFactorResolver(challenges, own),
        ...(hasAdministration ? [new RemoveSecondFactorResolver(factors, core.accounts)] : []),
      ],
      exportUser: async (id) => ({ factors: await factors.enrolledOf(id) }),
      jobs: sealer.hasPrevious
        ? [{ name: "reseal", interval: RESEAL_INTERVAL, run: () => totp.reseal() }]
        : [],
      prune: [
        {
          statement: deleteBatch("login_challenge", "token_hash", "expires_at <= ?", "expires_at"),
          parameters: (now) => [now - CHALLENGE_RETENTION],
        },
        {
          statement: deleteBatch("totp_enrolment", "user_id", "expires_at <= ?", "expires_at"),
          parameters: (now) => [now],
        },
      ],
    };
  },
  commands: [
    {
      name: "remove-second-factor",
      description: "remove the second factors of a user who has lost them",
      arguments: ["<username>"],
      example: "remove-second-factor ada",
      run: async (core, _config, [username = ""], print, _options, { secondFactors }) => {
        const { removeByName } = await import("./remove-by-name.js");
        print(await removeByName(core as CoreServices, secondFactors, username));
      },
    },
  ],
});

/** Until users with these roles have a second factor, allows them only public fields and `OPEN_TO_ENROLMENT` fields. */
function requireEnrolment(
  { authentication, sessions }: CoreServices,
  factors: { readonly isEnrolledSql: string },
  requiredOf: readonly Role[],
  lowest: Role,
): void {
  const roles = requiredOf.map((role) => `'${role}'`).join(", ");
  // The condition is part of the statement that reads the session, so it costs no further statement.
  sessions.restrictBy(
    () => `session.impersonator_id IS NULL AND COALESCE(p.role, '${lowest}') IN (${roles})
      AND NOT ${factors.isEnrolledSql}`,
  );
  // The user of an access token with `mfa` has given a second factor. For any other token, ask the database.
  authentication.refuseStateless(({ claims }) => {
    const { amr } = claims;
    return !(Array.isArray(amr) && amr.includes("mfa"));
  });
}

/** Returns the name that the authenticator app shows for this server. */
function issuerOf({ publicUrl }: { readonly publicUrl?: string | undefined }): string {
  return publicUrl === undefined ? "Gatehouse" : new URL(publicUrl).hostname;
}

export type { Answer, Factor, FactorName, LoginChallenges, SecondFactors } from "./factor.js";
export type { SecondFactorPolicy } from "./policy.js";
