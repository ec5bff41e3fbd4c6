// @ts-check
// Renders docs/permissions.md from the enforced guards: who may read each field of a schema.
import { isIntrospectionType, isObjectType } from "graphql";

/**
 * Returns the page for a schema.
 * @param {import("graphql").GraphQLSchema} schema
 * @param {import("../src/permissions/guard-map.js").GuardMap} guards as `readGuards` returns them
 * @returns {string}
 */
export function renderPermissions(schema, guards) {
  const rows = Object.values(schema.getTypeMap()).flatMap((type) => {
    if (!isObjectType(type) || isIntrospectionType(type)) return [];
    const fields = Object.keys(type.getFields()).map((name) => `${type.name}.${name}`);
    return fields.map((field) => `| \`${field}\` | ${readerOf(guards.get(field))} |`);
  });
  return `# Permissions

Who may read each field of the schema. Generated from the guards that the server enforces: do not edit,
run \`npm run generate\`.

| field | who |
| --- | --- |
${rows.join("\n")}
`;
}

/** @param {"@public" | import("../src/permissions/directives.js").UserGuard | undefined} guard */
function readerOf(guard) {
  if (guard === undefined) return "anyone who may read the parent";
  if (guard === "@public") return "anyone";
  const who = guard.role === "USER" ? "signed-in user" : `\`${guard.role}\``;
  const { freshness, needsSecondFactor } = guard;
  const proof = needsSecondFactor ? "second factor" : "password";
  if (freshness !== null) return `${who}, within ${freshness.text} of a ${proof}`;
  return needsSecondFactor ? `${who} with a second factor` : who;
}
