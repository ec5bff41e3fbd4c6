import { oneOf } from "../../config/kinds.js";
import { WrongSettings } from "../../config/problems.js";
import { type CoreServices, defineFeature } from "../feature.js";
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

/** Lets people create their own account, and prove their e-mail address. */
export const registration = defineFeature({
  name: "registration",
  requires: ["mail"],
  settings,
  migrations: [registrationMigration],
  isOn: (config, areRequiredOn) => {
    const usual = config.isDevelopment === true ? "open" : "closed";
    if ((config.registration ?? usual) === "closed") return false;
    if (areRequiredOn) return true;
    const message = "needs mail: set";
    throw new WrongSettings([{ option: "registration", message, other: "smtpUrl" }]);
  },
  create: async (core: CoreServices, config, apiOf) => {
    const { RegistrationService } = await import("./registration.service.js");
    const { RegistrationResolver } = await import("./registration.resolver.js");
    const { emailVerifiedAt } = await import("./email-verified-at.js");
    const { mail } = apiOf(mailFeature);
    const service = new RegistrationService(core, mail, config);
    mail.tokens.onProof((run, proof) => service.recordProof(run, proof));
    return {
      resolvers: [new RegistrationResolver(service)],
      extension: emailVerifiedAt(core.sql),
      hooks: { beforeLogin: ({ id }) => service.requireVerified(id) },
      jobs: [{ name: "unverified", interval: INTERVAL, run: () => service.deleteUnverified() }],
    };
  },
});
