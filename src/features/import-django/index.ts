import { oneOf, onOff } from "../../config/kinds.js";
import { defineFeature } from "../feature.js";
import { djangoMigration } from "./migration.js";

const settings = {
  /** Whether users, passwords and tokens of a Django project work here. Needed for `gatehouse import-django`. */
  django: onOff({ variable: "DJANGO", default: false }),
  /** `simplejwt` adds the claim `user_id` to access tokens, so that simplejwt can read them. */
  jwtCompat: oneOf(["off", "simplejwt"], { variable: "JWT_COMPAT", default: "off" }),
};

/** Takes over the users of a Django project: their passwords, their roles, and the tokens that they hold. */
export const importDjango = defineFeature({
  name: "import-django",
  settings,
  migrations: [djangoMigration],
  isOn: ({ django }) => django,
  create: () => ({}),
});
