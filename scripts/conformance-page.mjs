// @ts-check
// Renders docs/conformance.md: which tests cover each case. Test titles name the cases.
import ts from "typescript";

/** @typedef {{ id: string; mark: string; group: string; text: string }} Case */
/** @typedef {{ file: string; title: string; ids: string[] }} TitledTest */

/**
 * Returns the tests of one file whose titles begin with ids of cases, as in "B-04, RFC 9700 4.14: a rotated …".
 * @param {string} file the path that the page shows
 * @param {string} text
 * @returns {TitledTest[]}
 */
export function findTests(file, text) {
  /** @type {TitledTest[]} */
  const tests = [];
  /** @param {ts.Node} node */
  const visit = (node) => {
    const title = ts.isCallExpression(node) && isTest(node.expression) && titleOf(node);
    if (title) {
      const [before = "", ...rest] = title.split(":");
      const ids = rest.length > 0 ? (before.match(/\b[A-Z]-\d{2}\b/g) ?? []) : [];
      if (ids.length > 0) tests.push({ file, title, ids });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
  return tests;
}

/**
 * Returns whether a call of `callee` declares a test that runs: `test(…)`, `it(…)`, `test.each(…)(…)`,
 * `test.each`…`(…)`.
 * @param {ts.Node} callee
 * @returns {boolean}
 */
function isTest(callee) {
  if (ts.isIdentifier(callee)) return callee.text === "test" || callee.text === "it";
  if (ts.isCallExpression(callee)) return isEach(callee.expression);
  if (ts.isTaggedTemplateExpression(callee)) return isEach(callee.tag);
  return (
    ts.isPropertyAccessExpression(callee) &&
    callee.name.text === "concurrent" &&
    isTest(callee.expression)
  );
}

/** @param {ts.Node} node */
function isEach(node) {
  return (
    ts.isPropertyAccessExpression(node) && node.name.text === "each" && isTest(node.expression)
  );
}

/** @param {ts.CallExpression} call */
function titleOf({ arguments: [title] }) {
  if (title === undefined) return null;
  if (ts.isStringLiteralLike(title)) return title.text;
  if (!ts.isTemplateExpression(title)) return null;
  return [title.head, ...title.templateSpans.map(({ literal }) => literal)]
    .map(({ text }) => text)
    .join("…");
}

/**
 * Returns the page for all cases.
 * @param {readonly Case[]} cases
 * @param {readonly TitledTest[]} tests
 * @returns {string}
 * @throws Error with the ids that no case has
 */
export function renderConformance(cases, tests) {
  const known = new Set(cases.map(({ id }) => id));
  const unknown = tests.flatMap(({ file, ids }) =>
    ids.filter((id) => !known.has(id)).map((id) => `${id} in ${file}`),
  );
  if (unknown.length > 0)
    throw new Error(`Titles of tests name unknown cases: ${unknown.join(", ")}`);
  /** @param {Case} rule */
  const testsOf = ({ id }) => tests.filter(({ ids }) => ids.includes(id));
  const groups = [...new Set(cases.map(({ group }) => group))].map((name) => {
    const rules = cases.filter(({ group }) => group === name);
    return { name, rules, covered: rules.filter((rule) => testsOf(rule).length > 0).length };
  });
  const covered = groups.reduce((sum, group) => sum + group.covered, 0);
  return `# Conformance

The behaviours of other authentication libraries that this project keeps or improves, with the tests that check
them. A rule without a test is open. Generated from the titles of the tests: do not edit, run \`npm run generate\`.

Marks: KEEP is the same behaviour, MAP is the same aim in another form, IMPROVE is a better behaviour, OPT applies
only with the option, and NEW is a rule that other libraries do not test.

| group | covered | open |
| --- | --- | --- |
${groups.map(({ name, rules, covered }) => `| ${name} | ${covered} | ${rules.length - covered} |`).join("\n")}
| **all** | **${covered}** | **${cases.length - covered}** |
${groups.map(({ name, rules }) => renderGroup(name, rules, testsOf)).join("")}`;
}

/**
 * @param {string} name
 * @param {readonly Case[]} rules
 * @param {(rule: Case) => TitledTest[]} testsOf
 */
function renderGroup(name, rules, testsOf) {
  const rows = rules.map((rule) => {
    const tests = testsOf(rule).map(({ file, title }) => escape(`${file}: ${title}`));
    const cells = [rule.id, rule.mark, escape(rule.text), tests.join("<br>") || "**open**"];
    return `| ${cells.join(" | ")} |\n`;
  });
  return `
## ${name}

| id | mark | rule | tests |
| --- | --- | --- | --- |
${rows.join("")}`;
}

/**
 * Escapes text for a cell of a table.
 * @param {string} text
 */
function escape(text) {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
