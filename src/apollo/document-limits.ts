import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  parse,
  type ValidationRule,
  visit,
} from "graphql";
import { LRUCache } from "lru-cache";
import { requireOneGraphql } from "../graphql-package.js";
import { isPublic } from "../permissions/directives.js";
import { measureOperations, type OperationSize } from "./operation-size.js";

/** The longest document, in tokens and in characters. For Apollo Server's option `parseOptions`. */
export const PARSE_LIMITS = { maxLexicalTokens: 1000, maxSourceLength: 15_000 };

/** Per document, because graphql-js scans all lines for each error that has a location. */
const MAX_LINES = 1000;
/** Per document, with fragments not expanded. */
const MAX_DIRECTIVES = 10;
/** Per document, with fragments not expanded, because validation compares each pair of fields of one response name. */
const MAX_FIELDS_OF_ONE_NAME = 100;

/** Per operation, with fragments expanded; `credentialFields` per document. */
const OPERATION_LIMITS: Readonly<Record<keyof OperationSize, { max: number; what: string }>> = {
  depth: { max: 8, what: "levels of fields" },
  selections: { max: 1000, what: "selections" },
  aliases: { max: 15, what: "aliases" },
  rootFields: { max: 10, what: "root fields" },
  credentialFields: { max: 1, what: "field that checks a credential" },
};

/** The size of the cache of accepted documents, in characters. */
const CACHE_SIZE = 2_000_000;

/**
 * Limits what a document can ask for. A check takes time linear in the document's length, however large the document
 * becomes when fragments are expanded.
 */
export class DocumentLimits {
  readonly #credentialFields: ReadonlySet<string>;
  readonly #passed = new LRUCache<string, true>({
    maxSize: CACHE_SIZE,
    sizeCalculation: (_value, text) => text.length + 1,
  });

  /** @param schema the served schema; its public mutations count as fields that check a credential */
  constructor(schema: GraphQLSchema) {
    requireOneGraphql(schema, "the schema to serve");
    const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});
    this.#credentialFields = new Set(mutations.filter(isPublic).map(({ name }) => name));
  }

  /**
   * Checks the text of a document. Meant to run before Apollo Server parses it.
   * @throws GraphQLError when it cannot be parsed or exceeds a limit
   */
  check(text: string): void {
    if (this.#passed.get(text)) return;
    const error = checkLines(text) ?? this.findExcess(parseWithinLimits(text));
    if (error !== null) throw error;
    this.#passed.set(text, true);
  }

  /**
   * Returns an error for the first limit that a document exceeds, or null. The document must have been parsed within
   * {@link PARSE_LIMITS}.
   */
  findExcess(document: DocumentNode): GraphQLError | null {
    const { directives, fieldsOfOneName } = countWritten(document);
    if (directives > MAX_DIRECTIVES) return tooMany(MAX_DIRECTIVES, "directives");
    if (fieldsOfOneName > MAX_FIELDS_OF_ONE_NAME) {
      return tooMany(MAX_FIELDS_OF_ONE_NAME, "fields of one name");
    }
    const sizes = measureOperations(document, this.#credentialFields);
    const credentialFields = sizes.reduce((sum, size) => sum + size.credentialFields, 0);
    for (const size of sizes) {
      for (const [measure, { max, what }] of Object.entries(OPERATION_LIMITS)) {
        if ({ ...size, credentialFields }[measure as keyof OperationSize] > max) {
          return tooMany(max, what);
        }
      }
    }
    return null;
  }
}

/**
 * The same limits as a validation rule, for an Apollo Server of your own.
 * @param schema the schema to serve, as `auth.guard` returned it
 */
export function documentLimits(schema: GraphQLSchema): ValidationRule {
  const limits = new DocumentLimits(schema);
  return (context) => ({
    Document: {
      enter(document) {
        const text = document.loc?.source.body ?? "";
        const error = checkLines(text) ?? limits.findExcess(document);
        if (error === null) return undefined;
        context.reportError(error);
        return null;
      },
    },
  });
}

function checkLines(text: string): GraphQLError | null {
  const lines = text.split(/\r\n|[\n\r]/, MAX_LINES + 1).length;
  return lines <= MAX_LINES ? null : tooMany(MAX_LINES, "lines");
}

function tooMany(max: number, what: string): GraphQLError {
  return badDocument(`The document has more than ${max} ${what}.`, "GRAPHQL_VALIDATION_FAILED");
}

function badDocument(message: string, code: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status: 400 } } });
}

function parseWithinLimits(text: string): DocumentNode {
  try {
    return parse(text, { ...PARSE_LIMITS, noLocation: true });
  } catch (error) {
    throw badDocument((error as Error).message, "GRAPHQL_PARSE_FAILED");
  }
}

/** Counts the directives, and the fields of the most frequent response name. */
function countWritten(document: DocumentNode): { directives: number; fieldsOfOneName: number } {
  const fields = new Map<string, number>();
  let directives = 0;
  visit(document, {
    Directive: () => void (directives += 1),
    Field: ({ alias, name }) => {
      const key = (alias ?? name).value;
      fields.set(key, (fields.get(key) ?? 0) + 1);
    },
  });
  return { directives, fieldsOfOneName: Math.max(0, ...fields.values()) };
}
