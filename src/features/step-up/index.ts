import { onOff } from "../../config/kinds.js";
import { type CoreServices, defineFeature } from "../feature.js";
import { secondFactor } from "../second-factor/index.js";

const settings = {
  /** Whether the mutation `reauthenticate` exists. Without it, only a login satisfies `@auth(freshWithin:)`. */
  stepUp: onOff({ variable: "STEP_UP", default: true }),
};

/** Lets signed-in users prove again who they are, for fields with `@auth(freshWithin:)`. */
export const stepUp = defineFeature({
  name: "step-up",
  uses: ["second-factor"],
  settings,
  isOn: (config) => config.stepUp,
  create: async (core: CoreServices, _config, apiOf) => {
    const { StepUpService } = await import("./step-up.service.js");
    const factors = apiOf.ifOn(secondFactor)?.secondFactors;
    const service = new StepUpService(core, factors);
    if (factors === undefined) {
      const { StepUpResolver } = await import("./step-up.resolver.js");
      return { resolvers: [new StepUpResolver(service)] };
    }
    const { FactorStepUpResolver } = await import("./factor-step-up.resolver.js");
    return { resolvers: [new FactorStepUpResolver(service)] };
  },
});
