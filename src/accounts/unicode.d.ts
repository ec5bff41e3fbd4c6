declare module "unicode-match-property-value-ecmascript/data/mappings.js" {
  /**
   * For each Unicode property, maps the names of its values to canonical names. In `Script_Extensions`, both `Latn` and
   * `Latin` map to `Latin`.
   */
  const mappings: ReadonlyMap<string, ReadonlyMap<string, string>>;
  export default mappings;
}
