import { onOff } from "../../config/kinds.js";
import { WrongSettings } from "../../config/problems.js";
import { deleteBatch } from "../../maintenance/prune-rule.js";
import { type CoreServices, defineFeature } from "../feature.js";
import { mail as mailFeature } from "../mail/index.js";
import { loginCodeMigration } from "./migration.js";

const settings = {
  /** Whether users can log in by a code or a link in a mail, without their password. Needs mail. */
  loginCodes: onOff({ variable: "LOGIN_CODES", default: false }),
};

/** Lets users log in by a code or a link in a mail. */
export const loginCodes = defineFeature({
  name: "login-codes",
  uses: ["mail"],
  settings,
  loadEntities: async () => Object.values(await import("./login-code.entity.js")),
  migrations: [loginCodeMigration],
  isOn: (config, areOthersOn) => {
    if (!config.loginCodes || areOthersOn) return config.loginCodes;
    const message = "needs mail: set";
    throw new WrongSettings([{ option: "loginCodes", message, other: "smtpUrl" }]);
  },
  create: async (core: CoreServices, _config, apiOf) => {
    const mail = apiOf.ifOn(mailFeature)?.mail;
    if (mail === undefined) return {};
    const { LoginCodesService } = await import("./login-codes.service.js");
    const { LoginCodesResolver } = await import("./login-codes.resolver.js");
    return {
      resolvers: [new LoginCodesResolver(new LoginCodesService(core, mail))],
      prune: [
        {
          statement: deleteBatch("login_code", "email_key", "expires_at <= ?", "expires_at"),
          parameters: (now) => [now],
        },
      ],
    };
  },
});
