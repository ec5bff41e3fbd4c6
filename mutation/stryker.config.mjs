/** @see https://stryker-mutator.io/docs/stryker-js/configuration/ */
export default {
  mutate: [
    "src/{accounts,apollo,authentication,config,database,http,keys,permissions,sessions,throttling,tokens}/**/*.ts",
  ],
  // Texts are SQL, names and messages. Emptying them finds little, and would double the number of mutants.
  mutator: { excludedMutations: ["StringLiteral"] },
  testRunner: "jest",
  testRunnerNodeArgs: ["--experimental-vm-modules", "--no-warnings"],
  jest: { configFile: "mutation/jest.config.js", enableFindRelatedTests: false },
  coverageAnalysis: "perTest",
  concurrency: 2,
  timeoutMS: 20_000,
  // Jest does not free all memory of a run.
  maxTestRunnerReuse: 40,
  // A later run tests only what has changed.
  incremental: true,
  incrementalFile: "mutation/.results.json",
  tempDirName: "mutation/.sandbox",
  ignorePatterns: ["/bench", "/coverage", "/data", "/examples", "/mutation/.*"],
  reporters: ["clear-text", "json", "progress-append-only"],
  jsonReporter: { fileName: "mutation/.report.json" },
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  thresholds: { high: 98, low: 95, break: 95 },
  warnings: { slow: false },
};
