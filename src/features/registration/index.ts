import { oneOf } from "../../config/kinds.js";
import { WrongSettings } from "../../config/problems.js";
import type { HookUser } from "../../authentication/hooks.js";
import { type CoreServices, defineFeature, type FeatureConfig } from "../feature.js";
import { mail as mailFeature } from "../mail/index.js";
import { registrationMigration } from "./migration.js";

/** How often accounts that were never verified are looked for, in seconds. */
const INTERVAL = 600;

const settings = {
  /** Whether people can create their own account. Needs mail. */
  registration: oneOf(["open", "closed"], {
    variable: "REGISTRATION",
    defaultNote: "open in development, otherwise closed",
  }),
  /** Whether people who create their own account can log in only after they have opened the link of a mail. */
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

/** Lets people create their own account, and prove their e-mail address. */
export const registration = defineFeature({
  name: "registration",
  uses: ["mail"],
  settings,
  migrations: [registrationMigration],
  // On while registration is closed, too: accounts that wait for a proof must still wait.
  isOn: (config, areOthersOn) => {
    if (isClosed(config) || areOthersOn) return true;
    const message = "needs mail: set";
    throw new WrongSettings([{ option: "registration", message, other: "smtpUrl" }]);
  },
  create: async (core: CoreServices, config, apiOf) => {
    const { WaitingAccounts } = await import("./waiting-accounts.js");
    const mail = apiOf.ifOn(mailFeature)?.mail;
    const waiting = new WaitingAccounts(core, config.emailVerification);
    if (isClosed(config) && !(await waiting.exist())) return {};
    mail?.tokens.onProof((run, proof) => waiting.recordProof(run, proof));
    const parts = {
      hooks: { beforeLogin: ({ id }: HookUser) => waiting.requireVerified(id) },
      jobs: [{ name: "unverified", interval: INTERVAL, run: () => waiting.deleteUnverified() }],
    };
    if (mail === undefined || isClosed(config)) return parts;
    const { RegistrationService } = await import("./registration.service.js");
    const { RegistrationResolver } = await import("./registration.resolver.js");
    const { emailVerifiedAt } = await import("./email-verified-at.js");
    const service = new RegistrationService(core, mail, config);
    return {
      ...parts,
      resolvers: [new RegistrationResolver(service)],
      extension: emailVerifiedAt(core.sql),
    };
  },
});
