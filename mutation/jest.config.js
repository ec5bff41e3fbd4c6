import base from "../jest.config.js";

const folders = process.env.MUTATION_TESTS?.split(",");

/** @type {import("jest").Config} */
export default {
  ...base,
  rootDir: "..",
  // With this variable only some of the tests run, so that a trial over one folder starts at once.
  ...(folders && { roots: folders.map((folder) => `<rootDir>/test/${folder}`) }),
  // A mutant is active in this process only. These tests start others, or drive a browser.
  testPathIgnorePatterns: [
    "/test/(audit|architecture|browser|cli|client|codegen|commands|conformance|deploy|docs|features|frameworks|installed)",
    "command\\.test\\.ts$",
    "/test/http/(nginx|start-up)",
    "/test/database/(migrations|second-opening|pgbouncer|postgresql-tls)",
    "/test/config/(editor|settings-page|wrong-settings)",
    "/test/attacks/leaks",
    "/test/keys/(damaged-keys|instances)",
  ],
  runner: "<rootDir>/mutation/until-failure.js",
  reporters: [],
  maxWorkers: 1,
};
