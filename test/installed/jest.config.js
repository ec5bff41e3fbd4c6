import config from "../../jest.config.js";

/** The tests of the packed package, in an application that installed it from the tarball. */
export default {
  ...config,
  rootDir: "../..",
  roots: ["<rootDir>/test/installed"],
  testPathIgnorePatterns: [],
  globalSetup: "<rootDir>/test/installed/install.mjs",
  // Long, because most tests compile or start a whole application.
  testTimeout: 120_000,
};
