import { onOff } from "../../config/kinds.js";
import { type CoreServices, defineFeature } from "../feature.js";

const settings = {
  /** Whether the mutation `reauthenticate` exists. Without it, only a login satisfies `@auth(freshWithin:)`. */
  stepUp: onOff({ variable: "STEP_UP", default: true }),
};

/** Lets signed-in users give their password again, for fields with `@auth(freshWithin:)`. */
export const stepUp = defineFeature({
  name: "step-up",
  settings,
  isOn: (config) => config.stepUp,
  create: async (core: CoreServices) => {
    const { StepUpResolver } = await import("./step-up.resolver.js");
    const { StepUpService } = await import("./step-up.service.js");
    return { resolvers: [new StepUpResolver(new StepUpService(core))] };
  },
});
