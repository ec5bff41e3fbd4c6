/** @type {import("jest").Config} */
export default {
  testEnvironment: "node",
  roots: ["<rootDir>/test"],
  testMatch: ["**/*.test.ts"],
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
  reporters: ["default", "<rootDir>/.ci/totals.mjs"],
  testTimeout: 30_000,
  maxWorkers: 2,
};
