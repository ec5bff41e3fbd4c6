import { onOff } from "../../config/kinds.js";
import { type CoreServices, defineFeature } from "../feature.js";
import { mail as mailFeature } from "../mail/index.js";

const settings = {
  /**
   * Whether users can change their own password and e-mail address, reset a forgotten password and delete their
   * account. Changes of the address and resets also need mail.
   */
  recovery: onOff({ variable: "RECOVERY", default: true }),
};

/** Lets users change their password and e-mail address, reset a forgotten password, and delete their account. */
export const recovery = defineFeature({
  name: "recovery",
  uses: ["mail"],
  settings,
  isOn: (config) => config.recovery,
  create: async (core: CoreServices, _config, apiOf) => {
    const mail = apiOf.ifOn(mailFeature)?.mail;
    const { OwnAccountService } = await import("./own-account.service.js");
    const { OwnAccountResolver } = await import("./own-account.resolver.js");
    const ownAccount = new OwnAccountResolver(new OwnAccountService(core, mail));
    if (mail === undefined) return { resolvers: [ownAccount] };
    const { RecoveryService } = await import("./recovery.service.js");
    const { RecoveryResolver } = await import("./recovery.resolver.js");
    return { resolvers: [ownAccount, new RecoveryResolver(new RecoveryService(core, mail))] };
  },
});
