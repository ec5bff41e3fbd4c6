import type { IFieldResolver, IResolvers } from "@graphql-tools/utils";
import { type ConstDirectiveNode, Kind, parse, parseConstValue, print, visit } from "graphql";
import type { Accounts } from "../accounts/accounts.js";
import type { Roles } from "../accounts/role.js";
import type { AuthContext } from "../authentication/context.js";
import { NoSuchUser } from "../errors.js";
import { requireRole } from "../permissions/guards.js";
import { toUserType, type UserType } from "./user.type.js";

/** A schema as a module of an Apollo Federation 2 subgraph. */
export interface Subgraph {
  /** SDL that uses the directives `@key` and `@shareable`, which the application imports with `@link`. */
  readonly typeDefs: string;
  /** The guarded resolvers, with `User.__resolveReference`. */
  readonly resolvers: IResolvers;
}

/** Returns a schema as a subgraph: other subgraphs may refer to its users by id, and have a type `PageInfo` too. */
export function createSubgraph(
  typeDefs: string,
  resolvers: IResolvers,
  accounts: Accounts,
  roles: Roles,
): Subgraph {
  const directives: Readonly<Record<string, ConstDirectiveNode>> = {
    User: directive("key", { fields: "id" }),
    PageInfo: directive("shareable"),
  };
  const document = visit(parse(typeDefs), {
    ObjectTypeDefinition: (node) => {
      const added = directives[node.name.value];
      return added && { ...node, directives: [...(node.directives ?? []), added] };
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

function directive(
  name: string,
  values: Readonly<Record<string, string>> = {},
): ConstDirectiveNode {
  return {
    kind: Kind.DIRECTIVE,
    name: { kind: Kind.NAME, value: name },
    arguments: Object.entries(values).map(([argument, value]) => ({
      kind: Kind.ARGUMENT,
      name: { kind: Kind.NAME, value: argument },
      value: parseConstValue(JSON.stringify(value)),
    })),
  };
}

/** The key of a user in another subgraph. */
interface UserReference {
  readonly id: string;
}

/**
 * Returns the function that loads the users that a gateway asks for. Users see themselves, and administrators see everyone,
 * as in the rest of the schema. The refusal does not depend on whether the user exists.
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
