import config from "../installed/jest.config.js";

/** The tests of the packed package with other people's tools: frameworks, gateways, bundlers, package managers. */
export default {
  ...config,
  roots: ["<rootDir>/test/frameworks"],
  // One file at a time, because each installs and builds whole applications.
  maxWorkers: 1,
  testTimeout: 1_800_000,
};
