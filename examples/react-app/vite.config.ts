import { defineConfig } from "vite";

/** `npm run demo` adds the proxy to its servers. JSX needs no plugin: Vite reads its options from tsconfig.json. */
export default defineConfig({
  root: import.meta.dirname,
  server: { host: "127.0.0.1" },
});
