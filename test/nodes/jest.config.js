import config from "../installed/jest.config.js";

/** The tests of the packed package on other versions of Node. */
export default {
  ...config,
  roots: ["<rootDir>/test/nodes"],
};
