import { onOff } from "../../config/kinds.js";
import { type CoreServices, defineFeature } from "../feature.js";

const settings = {
  /** Whether users can make named static tokens for their scripts, by the mutation `createToken`. */
  personalTokens: onOff({ variable: "PERSONAL_TOKENS", default: true }),
};

export const personalTokens = defineFeature({
  name: "personal-tokens",
  settings,
  isOn: (config) => config.personalTokens,
  create: async (core: CoreServices, { staticTokenLifetime }) => {
    const { PersonalTokenResolver } = await import("./personal-token.resolver.js");
    const { PersonalTokenService } = await import("./personal-token.service.js");
    const service = new PersonalTokenService(core, staticTokenLifetime);
    return { resolvers: [new PersonalTokenResolver(service)] };
  },
});
