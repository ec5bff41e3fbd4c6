import type { NextConfig } from "next";

const config: NextConfig = {
  poweredByHeader: false,
  // Node itself loads these packages. A bundle would contain a second copy of `graphql`, and no native modules.
  serverExternalPackages: [
    "graphql-gatehouse",
    "graphql",
    "@apollo/server",
    "@graphql-tools/schema",
  ],
};

export default config;
