import { randomBytes } from "node:crypto";

// Identifies this run. The names of its databases start with it, and workers inherit the variable.
process.env.TEST_RUN ??= randomBytes(4).toString("hex");

/** @type {import("jest").Config} */
export default {
  testEnvironment: "node",
  roots: ["<rootDir>/test"],
  testMatch: ["**/*.test.ts"],
  // These tests have their own commands, because they are slow: they install the package, or start and kill servers.
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
  // Only for tests that hang. A busy machine may be many times slower.
  testTimeout: 120_000,
  // Small machines have fewer cores, but tests often wait for processes and for the clock. Four workers were no
  // faster.
  maxWorkers: 3,
  // Replaces a worker that uses more memory. A worker keeps much of what its tests loaded, and collecting gigabytes
  // of garbage takes longer than a new worker.
  workerIdleMemoryLimit: "800MB",
};
