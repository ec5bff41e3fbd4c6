declare module "unicode-match-property-value-ecmascript/data/mappings.js" {
  /** The names and short names of the values of each Unicode property, with the name that is the canonical one. */
  const mappings: ReadonlyMap<string, ReadonlyMap<string, string>>;
  export default mappings;
}
