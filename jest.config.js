import { randomBytes } from "node:crypto";

// Identifies this run: the names of its databases start with it. Workers inherit the variable.
process.env.TEST_RUN ??= randomBytes(4).toString("hex");

/** @type {import("jest").Config} */
export default {
  testEnvironment: "node",
  roots: ["<rootDir>/test"],
  testMatch: ["**/*.test.ts"],
  // They have a command of their own, because they install the package first, start and kill servers, or take long.
  testPathIgnorePatterns: ["/test/(installed|frameworks|faults)/", "/test/races/three-operations"],
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      {
        jsc: {
          parser: { syntax: "typescript", decorators: true },
          transform: { legacyDecorator: true, useDefineForClassFields: false },
          target: "es2022",
        },
        module: { type: "es6" },
      },
    ],
  },
  globalTeardown: "<rootDir>/test/support/drop-databases.mjs",
  reporters: ["default", "<rootDir>/.ci/totals.mjs"],
  testTimeout: 30_000,
  // More than the cores of a small machine, because tests wait for processes and for the clock. Four were no faster.
  maxWorkers: 3,
  // A worker keeps much of what its tests have loaded. A new one needs less time than collecting gigabytes of garbage.
  workerIdleMemoryLimit: "800MB",
};
