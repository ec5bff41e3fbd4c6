import { type ApolloServerPlugin, HeaderMap } from "@apollo/server";
import {
  coerceInputValue,
  GraphQLError,
  type GraphQLInputType,
  type GraphQLSchema,
  isInputType,
  isNonNullType,
  typeFromAST,
  type VariableDefinitionNode,
} from "graphql";
import { withoutValues } from "./without-values.js";

/** The message that says that further mistakes are not listed. graphql-js uses the same text. */
const MORE = "Too many errors processing variables, error limit reached. Execution aborted.";

/**
 * Rejects an operation with wrong variables before graphql-js does, because errors of graphql-js repeat the values.
 * @param max the largest number of errors
 */
export function variablesPlugin(max: number): ApolloServerPlugin {
  return {
    requestDidStart: () =>
      Promise.resolve({
        responseForOperation: ({ schema, operation, request: { variables = {} } }) => {
          // Despite its type, `operation` can be undefined, for example if no operation has the requested name.
          const { variableDefinitions = [] } = (operation as typeof operation | undefined) ?? {};
          const errors = findWrongVariables(schema, variableDefinitions, variables, max);
          if (errors.length === 0) return Promise.resolve(null);
          const singleResult = { errors: errors.map((error) => error.toJSON()) };
          return Promise.resolve({
            http: { status: 400, headers: new HeaderMap() },
            body: { kind: "single", singleResult },
          });
        },
      }),
  };
}

/**
 * Returns one error for each mistake in the variables. If there are more than `max` mistakes, leaves out the last ones,
 * and adds an error with the message {@link MORE}. These are at most `max` errors, or two if `max` is 1. Then
 * `errorLimitPlugin` leaves out the second.
 */
function findWrongVariables(
  schema: GraphQLSchema,
  variableDefinitions: readonly VariableDefinitionNode[],
  variables: Readonly<Record<string, unknown>>,
  max: number,
): GraphQLError[] {
  const errors: GraphQLError[] = [];
  const report = (error: GraphQLError) => {
    errors.push(error);
    if (errors.length > max) throw new LimitReached();
  };
  try {
    for (const definition of variableDefinitions) {
      const type = typeFromAST(schema, definition.type as never);
      if (isInputType(type)) checkVariable(definition, type, variables, report);
    }
  } catch (error) {
    if (!(error instanceof LimitReached)) throw error;
    return [...errors.slice(0, Math.max(1, max - 1)), toError(MORE)];
  }
  return errors;
}

/** Ends the search when more than `max` mistakes are found. */
class LimitReached extends Error {}

/** Reports the mistakes in one variable, in the words of graphql-js, but without the values. */
function checkVariable(
  definition: VariableDefinitionNode,
  type: GraphQLInputType,
  variables: Readonly<Record<string, unknown>>,
  report: (error: GraphQLError) => void,
): void {
  const name = definition.variable.name.value;
  const isGiven = Object.hasOwn(variables, name);
  const value = variables[name];
  if (isNonNullType(type) && value === null) {
    const what = `of non-null type "${type.toString()}" must not be null.`;
    report(toError(`Variable "$${name}" ${what}`, definition));
  } else if (isNonNullType(type) && !isGiven && definition.defaultValue === undefined) {
    const what = `of required type "${type.toString()}" was not provided.`;
    report(toError(`Variable "$${name}" ${what}`, definition));
  } else if (isGiven) {
    coerceInputValue(value, type, (path, _value, { message, extensions: { code } }) => {
      // The path is safe to show, because it contains only list indexes and names of fields that the client has sent.
      const place = path.length === 0 ? "" : ` at "${[name, ...path].join(".")}"`;
      // Remove suggestions, because they would reveal other names of the schema.
      const detail = withoutValues(message)?.replace(/ Did you mean .*/, "");
      const what = `got invalid value${place}${detail === undefined ? "." : `; ${detail}`}`;
      report(toError(`Variable "$${name}" ${what}`, definition, code));
    });
  }
}

function toError(
  message: string,
  definition: VariableDefinitionNode | null = null,
  code: unknown = "BAD_USER_INPUT",
): GraphQLError {
  return new GraphQLError(message, { nodes: definition, extensions: { code } });
}
