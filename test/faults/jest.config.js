import config from "../../jest.config.js";

/** Faults of whole servers. They have a command of their own, because they start servers and kill them. */
export default {
  ...config,
  rootDir: "../..",
  roots: ["<rootDir>/test/faults"],
  testPathIgnorePatterns: [],
  maxWorkers: 1,
  testTimeout: 300_000,
};
