import { z } from "zod";
import { checkOptions } from "../config/check.js";
import { type Problem, WrongSettings } from "../config/problems.js";
import type { ConfigOf, OptionsOf, Setting } from "../config/setting.js";

const MAX_LIMIT = 1_000_000;

/** The limits on documents and on the errors of a response. `null` switches a limit off. */
const LIMITS = {
  /** Lexical tokens of a document. */
  tokens: limit(1000),
  /** Characters of a document. */
  characters: limit(15_000),
  /** Lines of a document. To find the location of an error, graphql-js reads all lines before it. */
  lines: limit(1000),
  /** Directives of a document. The directives of a fragment count once. */
  directives: limit(10),
  /** Directives in one place, such as on one field, fragment, operation or variable. */
  directivesInOnePlace: limit(3),
  /**
   * Fields of a document with the same response name. Validation may compare each pair of them. The fields of a
   * fragment count once.
   */
  fieldsOfOneName: limit(100),
  /** Levels of nested fields in an operation, with fragments expanded. */
  depth: limit(8),
  /** Fields of an operation on all levels, with fragments expanded. */
  selections: limit(1000),
  /** Aliases of an operation on all levels, with fragments expanded. */
  aliases: limit(15),
  /** Root fields of an operation, with fragments expanded. */
  rootFields: limit(10),
  /**
   * Root fields that check a credential, such as `login`, in all operations of a document. Only fields of Gatehouse and
   * of features count.
   */
  credentialFields: limit(1),
  /** Errors of a response. The response omits further errors, and errors beyond 64 KiB in total, but never the first. */
  errors: limit(10),
};

/** The limits that an application can set. Each is a whole number, or `null` for no limit. */
export type Limits = OptionsOf<typeof LIMITS>;

/** The limits that a validation rule cannot check, because it runs after parsing and does not see the response. */
const NOT_BY_RULE = ["tokens", "characters", "errors"] as const;

export type RuleLimits = Omit<Limits, (typeof NOT_BY_RULE)[number]>;

export type AllLimits = ConfigOf<typeof LIMITS>;

export const DEFAULT_LIMITS: AllLimits = checkOptions({}, LIMITS, {}).values;

/** @throws TypeError with one line for each wrong limit */
export function resolveLimits(limits: unknown = {}): AllLimits {
  if (typeof limits !== "object" || limits === null || Array.isArray(limits)) {
    throw new WrongSettings([{ option: "limits", message: "must be an object" }]);
  }
  const { values, problems } = checkOptions(limits, LIMITS, {});
  if (problems.length > 0) throw new WrongSettings(problems.map(inLimits));
  return values;
}

/**
 * Resolves the limits for a validation rule.
 * @throws TypeError when a limit is wrong, or when `tokens`, `characters` or `errors` is given
 */
export function resolveRuleLimits(limits: Limits = {}): AllLimits {
  const resolved = resolveLimits(limits);
  const problems = NOT_BY_RULE.filter((option) => limits[option] !== undefined).map((option) =>
    inLimits({ option, message: "can only be set with apolloOptions" }),
  );
  if (problems.length > 0) throw new WrongSettings(problems);
  return resolved;
}

function inLimits({ option, ...problem }: Problem): Problem {
  return { ...problem, option: `limits.${option}` };
}

function limit(usual: number) {
  return {
    check: z
      .int()
      .min(1)
      .max(MAX_LIMIT)
      .nullable()
      .optional()
      .transform((value) => (value === undefined ? usual : value)),
    allowed: `a whole number from 1 to ${MAX_LIMIT}, or null for no limit`,
  } satisfies Setting;
}
