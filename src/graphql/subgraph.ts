import type { IFieldResolver, IResolvers } from "@graphql-tools/utils";
import {
  type ConstDirectiveNode,
  type ObjectTypeDefinitionNode,
  parse,
  print,
  visit,
} from "graphql";
import type { Accounts } from "../accounts/accounts.js";
import { NoSuchUser } from "../accounts/errors.js";
import type { Roles } from "../accounts/role.js";
import type { AuthContext } from "../authentication/context.js";
import { requireRole } from "../permissions/guards.js";
import { toUserType, type UserType } from "./user.type.js";

/** The type definitions and resolvers of a subgraph of Apollo Federation 2. */
export interface Subgraph {
  /** SDL with the directives `@key` and `@shareable`. The application must import them with `@link`. */
  readonly typeDefs: string;
  /** The resolvers, with `User.__resolveReference`. They enforce `@auth` and `@public`. */
  readonly resolvers: IResolvers;
}

const SUBGRAPH_DIRECTIVES = `type User @key(fields: "id") type PageInfo @shareable`;

/** Returns a subgraph. Other subgraphs may refer to its users by id, and may define the type `PageInfo` too. */
export function createSubgraph(
  typeDefs: string,
  resolvers: IResolvers,
  accounts: Accounts,
  roles: Roles,
): Subgraph {
  const added = readDirectives(SUBGRAPH_DIRECTIVES);
  const document = visit(parse(typeDefs), {
    ObjectTypeDefinition: (node) => {
      const directives = added.get(node.name.value);
      return directives && { ...node, directives: [...(node.directives ?? []), ...directives] };
    },
  });
  const ofUser = resolvers["User"] as Readonly<
    Record<string, IFieldResolver<unknown, AuthContext>>
  >;
  const __resolveReference = createReferenceResolver(accounts, roles);
  return {
    typeDefs: print(document),
    resolvers: { ...resolvers, User: { ...ofUser, __resolveReference } },
  };
}

function readDirectives(sdl: string): ReadonlyMap<string, readonly ConstDirectiveNode[]> {
  const types = parse(sdl).definitions as readonly ObjectTypeDefinitionNode[];
  return new Map(types.map(({ name, directives = [] }) => [name.value, directives]));
}

interface UserReference {
  readonly id: string;
}

/**
 * Returns the function that loads a user for a federation gateway. Administrators may load every user. Other callers
 * may load only themselves. For any other id, they get the same error, whether or not that user exists.
 */
function createReferenceResolver(accounts: Accounts, roles: Roles) {
  return async ({ id }: UserReference, context: AuthContext): Promise<UserType | null> => {
    await requireRole(context, roles.lowest);
    const caller = await context.loadUser();
    if (caller.id === id) return toUserType(caller);
    await requireRole(context, roles.admin);
    try {
      return toUserType(await accounts.getUser(id));
    } catch (error) {
      if (error instanceof NoSuchUser) return null;
      throw error;
    }
  };
}
