import { text } from "./kinds.js";
import { findUrlFault } from "./postgresql-url.js";

export const DATABASE_URL = {
  ...text({
    variable: "DATABASE_URL",
    accepts: (value) =>
      /^(sqlite:|postgres(ql)?:\/\/)[^\0]+$/.test(value) && findFault(value) === "",
    allowed: "sqlite:PATH or postgresql://…",
    default: "sqlite:data/gatehouse.sqlite",
  }),
  fault: findFault,
};

function findFault(value: unknown): string {
  if (typeof value !== "string") return "";
  if (value.startsWith("sqlite::memory:")) return "in-memory databases are not supported";
  return /^postgres(ql)?:\/\//.test(value) ? findUrlFault(value) : "";
}
