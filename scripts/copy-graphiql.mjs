// Copies our GraphiQL page and the packages that it loads to the folder that the server serves.
import { copyFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const inPackage = (name, path) => join(dirname(require.resolve(`${name}/package.json`)), path);
const target = new URL("../assets/graphiql/", import.meta.url);

const files = {
  "graphiql.min.js": inPackage("graphiql", "graphiql.min.js"),
  "graphiql.css": inPackage("graphiql", "graphiql.css"),
  "graphiql.LICENSE.txt": inPackage("graphiql", "LICENSE"),
  "react.production.min.js": inPackage("react", "umd/react.production.min.js"),
  "react-dom.production.min.js": inPackage("react-dom", "umd/react-dom.production.min.js"),
  "react.LICENSE.txt": inPackage("react", "LICENSE"),
  "index.html": new URL("../graphiql/index.html", import.meta.url),
  "main.css": new URL("../graphiql/main.css", import.meta.url),
  "main.js": new URL("../graphiql/main.js", import.meta.url),
};

await mkdir(target, { recursive: true });
await Promise.all(
  Object.entries(files).map(([name, source]) => copyFile(source, new URL(name, target))),
);
