import { EventEmitter, on } from "node:events";
import { makeExecutableSchema } from "@graphql-tools/schema";
import type { Auth, AuthContext } from "graphql-gatehouse";

const typeDefs = `
  extend type Query {
    "Open to everyone."
    greeting: String! @public
    "Any signed-in user may read it."
    motto: String! @auth
    "How often the motto was read."
    mottoReads: Int! @auth(requires: ADMIN)
  }

  type Subscription {
    "The name of the reader, each time the motto is read. Without a directive, a field needs a signed-in user."
    mottoRead: String!
    "How often the motto was read, each time it is read."
    mottoReads: Int! @auth(requires: ADMIN)
    "True, each time the motto is read."
    activity: Boolean! @public
  }
`;

const bus = new EventEmitter();

/** Returns the events of one subscription. They end at once when the client leaves. */
function reads(): AsyncIterableIterator<{ by: string }> {
  const abort = new AbortController();
  const events = on(bus, "read", { signal: abort.signal }) as AsyncIterableIterator<
    [{ by: string }]
  >;
  return {
    async next() {
      try {
        const { value, done } = await events.next();
        return done === true ? { value, done } : { value: value[0] };
      } catch (error) {
        if (!abort.signal.aborted) throw error;
        return { value: undefined, done: true };
      }
    },
    async return() {
      abort.abort();
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

let count = 0;

const resolvers = {
  Query: {
    greeting: () => "Welcome.",
    motto: async (_parent: unknown, _args: unknown, context: AuthContext) => {
      const { username } = await context.loadUser();
      count += 1;
      bus.emit("read", { by: username });
      return `Know thyself, ${username}.`;
    },
    mottoReads: () => count,
  },
  Subscription: {
    mottoRead: { subscribe: reads, resolve: ({ by }: { by: string }) => by },
    mottoReads: { subscribe: reads, resolve: () => count },
    activity: { subscribe: reads, resolve: () => true },
  },
};

/** The application's schema, merged with Gatehouse's and guarded. */
export function createSchema(auth: Auth) {
  return auth.guard(
    makeExecutableSchema({
      typeDefs: [auth.typeDefs, typeDefs],
      resolvers: [auth.resolvers, resolvers],
    }),
  );
}
