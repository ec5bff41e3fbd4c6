// Serves GraphQL over HTTP at the least cost: graphql-js on node:http. The result of `me` is constant.
import { createServer } from "node:http";
import { buildSchema, execute, parse, validate } from "graphql";

const schema = buildSchema(`
  type Query { me: User! }
  type User { id: ID! username: String! email: String profile: Profile! }
  type Profile { role: String! }`);
const rootValue = {
  me: () => ({ id: "1", username: "ada", email: "ada@example.com", profile: { role: "USER" } }),
};
/** The documents that have been parsed and validated. Apollo Server keeps them, too. */
const documents = new Map();

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk) => (body += chunk));
  request.on("end", async () => {
    const { query, variables: variableValues } = JSON.parse(body);
    if (!documents.has(query)) {
      const document = parse(query);
      const errors = validate(schema, document);
      if (errors.length > 0) throw errors[0];
      documents.set(query, document);
    }
    const document = documents.get(query);
    const text = JSON.stringify(await execute({ schema, document, rootValue, variableValues }));
    response.setHeader("content-type", "application/json; charset=utf-8");
    response.setHeader("content-length", Buffer.byteLength(text));
    response.end(text);
  });
});
server.listen(0, "127.0.0.1", () => {
  process.once("disconnect", () => process.exit());
  process.send({ url: `http://127.0.0.1:${server.address().port}/graphql` });
});
