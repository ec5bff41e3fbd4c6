import {
  type DocumentNode,
  type FieldNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  parse,
  type ParseOptions,
  type ValidationRule,
  visit,
} from "graphql";
import { LRUCache } from "lru-cache";
import type { ErrorCode } from "../errors.js";
import { requireOneGraphql } from "../graphql-package.js";
import { readCredentialFields } from "../permissions/credential-fields.js";
import { type AllLimits, DEFAULT_LIMITS, type RuleLimits, resolveRuleLimits } from "./limits.js";
import { measureOperations, type OperationSize } from "./operation-size.js";

/** The words for a measure in an error message, for a limit of 1 and for any other limit. */
type Words = readonly [one: string, many: string];

/**
 * The limits on an operation, each with its words. A fragment counts each time it is spread. Only
 * `credentialFields` limits all operations of a document together.
 */
const OPERATION_LIMITS: Readonly<Record<keyof OperationSize, Words>> = {
  depth: ["level of fields", "levels of fields"],
  selections: ["selection", "selections"],
  aliases: ["alias", "aliases"],
  rootFields: ["root field", "root fields"],
  credentialFields: ["field that checks a credential", "fields that check a credential"],
};

/** The limits that count each fragment of a document only once, each with its words. */
const WRITTEN_LIMITS: Readonly<Record<keyof WrittenSize, Words>> = {
  directives: ["directive", "directives"],
  directivesInOnePlace: ["directive in one place", "directives in one place"],
  fieldsOfOneName: ["field of one name", "fields of one name"],
};

/** The largest size of the cache of accepted documents, in characters. */
const CACHE_SIZE = 2_000_000;

/**
 * Limits the size of documents. A check takes time linear in the length of the document, even if fragments contain
 * fragments.
 */
export class DocumentLimits {
  readonly #limits: AllLimits;
  readonly #credentialFields: ReadonlySet<string>;
  readonly #passed = new LRUCache<string, true>({
    maxSize: CACHE_SIZE,
    sizeCalculation: (_value, text) => text.length,
  });

  constructor(schema: GraphQLSchema, limits: AllLimits = DEFAULT_LIMITS) {
    requireOneGraphql(schema, "the schema to serve");
    this.#limits = limits;
    this.#credentialFields = readCredentialFields(schema);
  }

  /**
   * Checks the text of a document. Must be called before Apollo Server gets the document, because Apollo Server does
   * not check most of the limits.
   * @throws GraphQLError when the document cannot be parsed or exceeds a limit
   */
  check(text: string): void {
    if (this.#passed.get(text)) return;
    const error = this.findExcess(text, () => this.#parse(text));
    if (error !== null) throw error;
    this.#passed.set(text, true);
  }

  /**
   * Returns an error for the first limit that the document exceeds, or null.
   * @param parse returns the parsed document. Not called if `text` has too many lines
   */
  findExcess(text: string, parse: () => DocumentNode): GraphQLError | null {
    return this.#findExcessLines(text) ?? this.#findExcessOf(parse());
  }

  #findExcessLines(text: string): GraphQLError | null {
    const { lines: max } = this.#limits;
    if (max === null) return null;
    return text.split(/\r\n|[\n\r]/, max + 1).length > max ? tooMany(max, ["line", "lines"]) : null;
  }

  #findExcessOf(document: DocumentNode): GraphQLError | null {
    const written = measureWritten(document);
    const sizes = measureOperations(document, this.#credentialFields);
    const credentialFields = sizes.reduce((sum, size) => sum + size.credentialFields, 0);
    return (
      this.#firstExcess(written, WRITTEN_LIMITS) ??
      sizes
        .map((size) => this.#firstExcess({ ...size, credentialFields }, OPERATION_LIMITS))
        .find((error) => error !== null) ??
      null
    );
  }

  #firstExcess<Measure extends keyof AllLimits>(
    size: Readonly<Record<Measure, number>>,
    words: Readonly<Record<Measure, Words>>,
  ): GraphQLError | null {
    for (const measure of Object.keys(words) as Measure[]) {
      const max = this.#limits[measure];
      if (max !== null && size[measure] > max) return tooMany(max, words[measure]);
    }
    return null;
  }

  #parse(text: string): DocumentNode {
    try {
      return parse(text, { ...toParseOptions(this.#limits), noLocation: true });
    } catch (error) {
      throw badDocument((error as Error).message, "GRAPHQL_PARSE_FAILED");
    }
  }
}

export function toParseOptions({ tokens, characters }: AllLimits): ParseOptions {
  return {
    ...(tokens !== null && { maxLexicalTokens: tokens }),
    ...(characters !== null && { maxSourceLength: characters }),
  };
}

/**
 * Returns a validation rule that limits documents, for your own Apollo Server. A rule runs after parsing and sees no
 * response. So it cannot limit tokens, characters or errors. To limit them too, use {@link apolloOptions}.
 * @param schema the schema to serve, as `auth.guard` returned it
 * @param limits whole numbers, or null for no limit. @default the limits of our own server
 * @throws TypeError when a limit is wrong, or when `schema` is not a schema of our copy of graphql
 */
export function documentLimits(schema: GraphQLSchema, limits?: RuleLimits): ValidationRule {
  return toRule(schema, resolveRuleLimits(limits));
}

/** Returns the rule of {@link documentLimits}. Does not check `limits`. */
export function toRule(schema: GraphQLSchema, limits: AllLimits): ValidationRule {
  const documents = new DocumentLimits(schema, limits);
  return (context) => ({
    Document: {
      enter(document) {
        const error = documents.findExcess(document.loc?.source.body ?? "", () => document);
        if (error === null) return undefined;
        context.reportError(error);
        return null;
      },
    },
  });
}

function tooMany(max: number, [one, many]: Words): GraphQLError {
  const what = max === 1 ? one : many;
  return badDocument(`The document has more than ${max} ${what}.`, "GRAPHQL_VALIDATION_FAILED");
}

function badDocument(message: string, code: ErrorCode): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status: 400 } } });
}

/** The size of a document's text. Each fragment counts once. */
interface WrittenSize {
  readonly directives: number;
  readonly directivesInOnePlace: number;
  /** The largest number of fields with the same response name. */
  readonly fieldsOfOneName: number;
}

function measureWritten(document: DocumentNode): WrittenSize {
  const fields = new Map<string, number>();
  let [directives, directivesInOnePlace, fieldsOfOneName] = [0, 0, 0];
  visit(document, {
    enter: (node) => {
      // Only some kinds of nodes can have directives.
      const { length } = (node as FieldNode).directives ?? [];
      directives += length;
      directivesInOnePlace = Math.max(directivesInOnePlace, length);
      if (node.kind !== Kind.FIELD) return;
      const key = (node.alias ?? node.name).value;
      const count = (fields.get(key) ?? 0) + 1;
      fields.set(key, count);
      fieldsOfOneName = Math.max(fieldsOfOneName, count);
    },
  });
  return { directives, directivesInOnePlace, fieldsOfOneName };
}
