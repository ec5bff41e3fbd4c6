import { z } from "zod";
import { defineFeature } from "../feature.js";
import { readGraphiql } from "./graphiql.js";

const settings = {
  /** Serve GraphiQL at `GET /graphql`. @default on where only this machine reaches the server, and not in production */
  graphiql: { check: z.boolean().optional(), variable: "GRAPHIQL" },
};

/** GraphiQL at `GET /graphql`, for browsers. */
export const graphiql = defineFeature({
  name: "graphiql",
  settings,
  isOn: ({ graphiql: isWanted, isOpen }) => isWanted ?? isOpen,
  findProblems: ({ graphiql: isWanted, isOpen }) =>
    isWanted === true && !isOpen
      ? [{ option: "graphiql", message: "must be off where others can reach the server" }]
      : [],
  create: async () => ({
    routes: await readGraphiql(),
    announce: (url) => `GraphiQL: ${url}/graphql`,
  }),
});
