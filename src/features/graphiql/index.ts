import { onOff } from "../../config/kinds.js";
import { defineFeature } from "../feature.js";

const settings = {
  /** Whether GraphiQL is served at `GET /graphql`. */
  graphiql: onOff({ variable: "GRAPHIQL", defaultNote: "on in development, otherwise off" }),
};

export const graphiql = defineFeature({
  name: "graphiql",
  settings,
  isOn: ({ graphiql: isWanted, isDevelopment }) => isWanted ?? isDevelopment === true,
  findProblems: ({ graphiql: isWanted, isDevelopment }) =>
    isWanted === true && isDevelopment === false
      ? [{ option: "graphiql", message: "must be off where others can reach the server" }]
      : [],
  create: async () => {
    const { readGraphiql } = await import("./graphiql.js");
    return {
      routes: await readGraphiql(),
      announce: (url) => `GraphiQL: ${url}/graphql`,
    };
  },
});
