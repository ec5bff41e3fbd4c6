import config from "../../jest.config.js";

/** The interleavings of three operations. They have their own command, because there are many. */
export default {
  ...config,
  rootDir: "../..",
  testMatch: ["<rootDir>/test/races/three-operations.test.ts"],
  testPathIgnorePatterns: [],
  maxWorkers: 1,
};
