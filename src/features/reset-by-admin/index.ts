import { type CoreServices, defineFeature } from "../feature.js";
import { mail } from "../mail/index.js";

/**
 * Lets administrators send a user a link to a page where the user sets a new password. The administrator sees neither
 * the link nor the password.
 */
export const resetByAdmin = defineFeature({
  name: "reset-by-admin",
  requires: ["administration", "mail", "recovery"],
  isOn: (_config, areRequiredOn) => areRequiredOn,
  create: async (core: CoreServices, _config, apiOf) => {
    const { ResetByAdminResolver } = await import("./reset-by-admin.resolver.js");
    const { ResetByAdminService } = await import("./reset-by-admin.service.js");
    return {
      resolvers: [new ResetByAdminResolver(new ResetByAdminService(core, apiOf(mail).mail))],
    };
  },
});
