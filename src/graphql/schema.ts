import { mapSchema, MapperKind, printSchemaWithDirectives } from "@graphql-tools/utils";
import { type GraphQLEnumType, GraphQLSchema } from "graphql";
import { buildSchemaSync, type ClassType, type ContainerType } from "type-graphql";
import type { AuthenticationService } from "../authentication/authentication.service.js";
import { AuthenticationResolver } from "./authentication.resolver.js";
import { createDirectives } from "../permissions/directives.js";
import { SessionResolver } from "./session.resolver.js";
import type { SessionList } from "../sessions/session-list.js";
import type { SessionService } from "../sessions/session.service.js";

/** The services that the resolvers call. */
export interface Services {
  readonly authentication: AuthenticationService;
  readonly sessions: SessionService;
  readonly sessionList: SessionList;
}

/** The schema of Gatehouse with its directives stated, but not yet enforced. */
export function createSchema({ authentication, sessions, sessionList }: Services): GraphQLSchema {
  const resolvers = new Map<unknown, object>([
    [AuthenticationResolver, new AuthenticationResolver(authentication)],
    [SessionResolver, new SessionResolver(sessions, sessionList)],
  ]);
  const container: ContainerType = {
    get: (resolver: ClassType) => resolvers.get(resolver),
  };
  const schema = buildSchemaSync({
    resolvers: [AuthenticationResolver, SessionResolver],
    container,
    validate: false,
  });
  const role = schema.getType("Role") as GraphQLEnumType;
  return inWrittenOrder(
    new GraphQLSchema({
      ...schema.toConfig(),
      directives: [...schema.getDirectives(), ...createDirectives(role)],
    }),
  );
}

/** Parameter decorators run from the last to the first, and type-graphql keeps that order. */
function inWrittenOrder(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field) => ({
      ...field,
      args: Object.fromEntries(Object.entries(field.args ?? {}).reverse()),
    }),
  });
}

/** A schema in SDL, with the directives where they stand. */
export function printSchema(schema: GraphQLSchema): string {
  return `${printSchemaWithDirectives(schema)}\n`;
}
