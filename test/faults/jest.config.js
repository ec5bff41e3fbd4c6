import config from "../../jest.config.js";

/** The tests of faults. They have their own command, because they start servers and kill them. */
export default {
  ...config,
  rootDir: "../..",
  roots: ["<rootDir>/test/faults"],
  testPathIgnorePatterns: [],
  maxWorkers: 1,
  testTimeout: 300_000,
};
