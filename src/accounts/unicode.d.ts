declare module "unicode-match-property-value-ecmascript/data/mappings.js" {
  /**
   * For each Unicode property, maps every name of a value to its canonical name. For example, `Script_Extensions` maps
   * both `Latn` and `Latin` to `Latin`.
   */
  const mappings: ReadonlyMap<string, ReadonlyMap<string, string>>;
  export default mappings;
}
