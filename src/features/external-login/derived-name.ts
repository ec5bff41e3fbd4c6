import { randomBytes, randomInt } from "node:crypto";

/** How many code points of a name at the provider are used at most. */
const MAX_LENGTH = 30;

/**
 * Returns user names to try, best first. The last one is random. An e-mail address at the provider is not used, because
 * user names are public and addresses are private.
 * @param proposals names at the provider, which may hold anything
 */
export function deriveNames(proposals: readonly string[]): readonly string[] {
  const names = proposals
    .filter((proposal) => !proposal.includes("@"))
    .map(toName)
    .filter((name) => name !== "");
  const random = `user-${randomBytes(6).toString("hex")}`;
  return [...names, ...names.map((name) => `${name}-${randomInt(1000, 10_000)}`), random];
}

/**
 * Shortens a text in NFKC. Replaces each run of characters other than letters, combining marks, digits and `. _ -` by
 * one `-`. Then removes `. _ -` at both ends, and combining marks at the start.
 */
function toName(text: string): string {
  const short = Array.from(text.slice(0, 4 * MAX_LENGTH).normalize("NFKC")).slice(0, MAX_LENGTH);
  return short
    .join("")
    .replaceAll(/[^\p{L}\p{M}\p{N}._-]+/gu, "-")
    .replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{M}\p{N}]+$/gu, "");
}
