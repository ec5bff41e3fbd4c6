import { onOff } from "../../config/kinds.js";
import { type CoreServices, defineFeature } from "../feature.js";

const settings = {
  /** Whether administrators can act as another user for up to 30 minutes, by the mutation `impersonate`. */
  impersonation: onOff({ variable: "IMPERSONATION", default: false }),
};

/** Lets administrators act as other users. Adds `User.impersonatedBy` and `Session.isImpersonated`. */
export const impersonation = defineFeature({
  name: "impersonation",
  settings,
  isOn: (config) => config.impersonation,
  create: async (core: CoreServices, { roles }) => {
    const { ImpersonationResolver } = await import("./impersonation.resolver.js");
    const { ImpersonationService } = await import("./impersonation.service.js");
    const { marks } = await import("./marks.js");
    return {
      resolvers: [new ImpersonationResolver(new ImpersonationService(core, roles))],
      extension: marks(core.accounts),
    };
  },
});
