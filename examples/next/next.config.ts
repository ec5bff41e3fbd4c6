import type { NextConfig } from "next";

const config: NextConfig = {
  poweredByHeader: false,
  // Loaded by Node itself. A bundle would hold a second copy of `graphql`, and no native modules.
  serverExternalPackages: [
    "graphql-gatehouse",
    "graphql",
    "@apollo/server",
    "@graphql-tools/schema",
  ],
};

export default config;
