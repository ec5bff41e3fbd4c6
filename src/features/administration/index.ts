import { onOff } from "../../config/kinds.js";
import { type CoreServices, defineFeature } from "../feature.js";
import { mail } from "../mail/index.js";

const settings = {
  /** Whether administrators can list and change users through the API. */
  administration: onOff({ variable: "ADMINISTRATION", default: true }),
};

export const administration = defineFeature({
  name: "administration",
  uses: ["mail"],
  settings,
  isOn: (config) => config.administration,
  create: async ({ accounts, sessions }: CoreServices, _config, apiOf) => {
    const { UsersResolver } = await import("./users.resolver.js");
    const { AdministrationResolver } = await import("./administration.resolver.js");
    const { AdministrationService } = await import("./administration.service.js");
    const service = new AdministrationService(accounts, sessions, apiOf.ifOn(mail)?.mail);
    return { resolvers: [new UsersResolver(accounts), new AdministrationResolver(service)] };
  },
});
