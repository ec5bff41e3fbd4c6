import { BadUserInput } from "../errors.js";

const PAGE_SIZE = 20;
const PAGE_MAX_SIZE = 100;

export const FIRST = {
  nullable: true,
  defaultValue: PAGE_SIZE,
  description: `The page size, from 1 to ${PAGE_MAX_SIZE}.`,
};

export const AFTER = {
  nullable: true,
  description: "The `endCursor` of the previous page.",
};

/**
 * @param first null for the default, 20
 * @throws {@link BadUserInput} when `first` is not from 1 to 100
 */
export function requirePageSize(first: number | null): number {
  const size = first ?? PAGE_SIZE;
  if (size < 1 || size > PAGE_MAX_SIZE) {
    throw new BadUserInput(`first must be from 1 to ${PAGE_MAX_SIZE}.`);
  }
  return size;
}
