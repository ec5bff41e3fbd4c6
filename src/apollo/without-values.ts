import { BEGINNINGS, REPLACED, WHOLE } from "./known-messages.js";

/** How many characters of a message are matched. A longer message is cut. */
const MAX_LENGTH = 300;

/** The pattern of each placeholder. No pattern matches a text in two ways, so matching takes linear time. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  name: "\\w+",
  names: '"\\w+"(?:, "\\w+")*',
  type: "[\\w![\\]]+",
  number: "\\d+",
  words: "[a-z ]+",
  token: '"(?:[!$&():=@[\\]{|}.]|\\.\\.\\.|on)"|<[SE]OF>|Name|Int|Float|(?:Block)?String',
  suggestion:
    '(?: Did you mean (?:to use an inline fragment on )?"\\w+"(?:, "\\w+")*(?:,? or "\\w+")?\\?)?',
  conflict: conflictPattern(),
  rest: "[^]*",
};

/** Returns the pattern of the reasons in graphql-js's message `Fields "…" conflict because …`. */
function conflictPattern(): string {
  const reasons = [
    '"\\w+" and "\\w+" are different fields',
    "they have differing arguments",
    'they return conflicting types "[\\w![\\]]+" and "[\\w![\\]]+"',
  ];
  const conflict = `(?:subfields "\\w+" conflict because )*(?:${reasons.join("|")})`;
  return `${conflict}(?: and ${conflict})*`;
}

const RULES = [
  ...WHOLE.map((shape) => [`^${toPattern(shape)}$`, "$&"] as const),
  ...BEGINNINGS.map((shape) => [`^(${toPattern(shape)})${PLACEHOLDERS["rest"]}$`, "$1."] as const),
  ...REPLACED.map(([shape, sentence]) => [`^${toPattern(shape)}$`, sentence] as const),
].map(([pattern, replacement]) => ({ pattern: new RegExp(pattern), replacement }));

/** Converts a message with placeholders such as `{name}` to a regular expression. Each placeholder becomes a group. */
function toPattern(shape: string): string {
  return shape
    .split(/\{([a-z]+)\}/)
    .map((part, index) =>
      index % 2 === 0 ? part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&") : `(${PLACEHOLDERS[part]})`,
    )
    .join("");
}

/**
 * Removes the client's values from a known message. Returns null for an unknown message, because it may contain values
 * anywhere.
 */
export function withoutValues(message: string): string | null {
  // Mark the cut. Otherwise the beginning of a long message could match the pattern of a complete message.
  const text = message.length > MAX_LENGTH ? `${message.slice(0, MAX_LENGTH)}…` : message;
  const rule = RULES.find(({ pattern }) => pattern.test(text));
  return rule === undefined ? null : text.replace(rule.pattern, rule.replacement);
}
