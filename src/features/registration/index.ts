import { oneOf } from "../../config/kinds.js";
import { WrongSettings } from "../../config/problems.js";
import type { HookUser } from "../../authentication/hooks.js";
import type { RunStatement } from "../../sql.js";
import { type CoreServices, defineFeature, type FeatureConfig } from "../feature.js";
import { mail as mailFeature, type MailProof } from "../mail/index.js";
import { registrationMigration } from "./migration.js";

/** The API for other features that create accounts for people who sign up. */
export interface SignUps {
  /** Whether people can create their own account. */
  readonly isOpen: boolean;
  /**
   * Records that a user has proved an e-mail address. Other users who have signed up with the address, but have not
   * proved it, can then no longer prove it.
   */
  recordProof(this: void, run: RunStatement, proof: MailProof): Promise<unknown>;
  /** @throws {@link EmailNotVerified} when the user has registered, but has proved no address */
  requireProof(this: void, userId: string): Promise<void>;
}

/** Seconds between two deletions of accounts that were never verified. */
const INTERVAL = 600;

const settings = {
  /** Whether people can create their own account. Needs mail. */
  registration: oneOf(["open", "closed"], {
    variable: "REGISTRATION",
    defaultNote: "open in development, otherwise closed",
  }),
  /** Whether people who create their own account must open the link of a mail before they can log in. */
  emailVerification: oneOf(["required", "optional"], {
    variable: "EMAIL_VERIFICATION",
    default: "required",
  }),
};

function isClosed({
  registration: given,
  isDevelopment,
}: Pick<FeatureConfig<typeof settings>, "registration" | "isDevelopment">): boolean {
  return (given ?? (isDevelopment === true ? "open" : "closed")) === "closed";
}

export const registration = defineFeature({
  name: "registration",
  uses: ["mail"],
  settings,
  migrations: [registrationMigration],
  // The feature is on even if registration is closed, because it must still refuse logins to accounts without a proved
  // address.
  isOn: (config, areOthersOn) => {
    if (isClosed(config) || areOthersOn) return true;
    const message = "needs mail: set";
    throw new WrongSettings([{ option: "registration", message, other: "smtpUrl" }]);
  },
  create: async (core: CoreServices, config, apiOf) => {
    const { UnverifiedAccounts } = await import("./unverified-accounts.js");
    const mail = apiOf.ifOn(mailFeature)?.mail;
    const unverified = new UnverifiedAccounts(core, config.emailVerification);
    const signUps: SignUps = {
      isOpen: !isClosed(config),
      recordProof: (run, proof) => unverified.recordProof(run, proof),
      requireProof: (userId) => unverified.requireProof(userId),
    };
    if (isClosed(config) && !(await unverified.exist())) return { api: { signUps } };
    mail?.tokens.onProof((run, proof) => unverified.recordProof(run, proof));
    const parts = {
      api: { signUps },
      hooks: { beforeLogin: ({ id }: HookUser) => unverified.requireVerified(id) },
      jobs: [{ name: "unverified", interval: INTERVAL, run: () => unverified.deleteUnverified() }],
    };
    if (mail === undefined || isClosed(config)) return parts;
    const { RegistrationService } = await import("./registration.service.js");
    const { RegistrationResolver } = await import("./registration.resolver.js");
    const { emailVerifiedAt } = await import("./email-verified-at.js");
    const service = new RegistrationService(core, mail, config.emailVerification);
    return {
      ...parts,
      resolvers: [new RegistrationResolver(service)],
      extension: emailVerifiedAt(core.sql),
    };
  },
});
