import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  parse,
  type SelectionSetNode,
  type ValidationRule,
  visit,
} from "graphql";
import { LRUCache } from "lru-cache";
import { readGuard } from "../permissions/directives.js";

/** In tokens of the lexer and in characters, of a whole document; for the option `parseOptions` of Apollo Server. */
export const PARSE_LIMITS = { maxLexicalTokens: 1000, maxSourceLength: 15_000 };
/** Of a whole document: graphql-js reads all of its lines for each error that it tells the place of. */
const MAX_LINES = 1000;
/** Of a whole document, as it is written. */
const MAX_DIRECTIVES = 10;
/** Of a whole document, as it is written: validation compares each field with all others that are answered by its name. */
const MAX_NAMESAKES = 100;

/** Of an operation once its fragments are expanded; of credential fields, in all operations of a document together. */
const LIMITS: Readonly<Record<keyof Shape, { max: number; what: string }>> = {
  depth: { max: 8, what: "levels of fields" },
  selections: { max: 1000, what: "selections" },
  aliases: { max: 15, what: "aliases" },
  fields: { max: 10, what: "root fields" },
  credentials: { max: 1, what: "field that checks a credential" },
};

/** What an operation or a fragment comes to when its fragments are expanded. */
interface Shape {
  readonly depth: number;
  readonly selections: number;
  readonly aliases: number;
  /** Those on its own level. */
  readonly fields: number;
  /** Those of {@link Shape.fields} that check a credential. */
  readonly credentials: number;
}

const NOTHING: Shape = { depth: 0, selections: 0, aliases: 0, fields: 0, credentials: 0 };
/** Larger than every limit. Sums stop here, however often a document doubles itself. */
const TOO_MUCH = 10_000;

/** How many characters of documents that are known to be within the limits are remembered. */
const MAX_REMEMBERED = 2_000_000;

/** What a document may ask for at most, whoever asks. It costs time in the size of the document, and none in what it expands to. */
export class DocumentLimits {
  readonly #credentialFields: ReadonlySet<string>;
  readonly #remembered = new LRUCache<string, true>({
    maxSize: MAX_REMEMBERED,
    sizeCalculation: (_value, text) => text.length + 1,
  });

  /** @param schema whose public mutations are the fields that check a credential */
  constructor(schema: GraphQLSchema) {
    const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});
    this.#credentialFields = new Set(
      mutations.filter((field) => readGuard(schema, field) === "PUBLIC").map(({ name }) => name),
    );
  }

  /**
   * Checks a document before anything else is done with it.
   * @throws GraphQLError where it cannot be parsed, or goes beyond a limit
   */
  check(text: string): void {
    if (this.#remembered.get(text)) return;
    const excess = findExcessOfLines(text) ?? this.findExcess(parseWithin(text));
    if (excess !== null) throw excess;
    this.#remembered.set(text, true);
  }

  /** What goes beyond a limit, or null. Expects a document that was parsed within {@link PARSE_LIMITS}. */
  findExcess(document: DocumentNode): GraphQLError | null {
    const { directives, namesakes } = countWritten(document);
    if (directives > MAX_DIRECTIVES) {
      return refusal(`The document has more than ${MAX_DIRECTIVES} directives.`);
    }
    if (namesakes > MAX_NAMESAKES) {
      return refusal(`The document has more than ${MAX_NAMESAKES} fields of one name.`);
    }
    const shapes = new ShapeReader(document, this.#credentialFields).readOperations();
    const credentials = shapes.reduce((sum, shape) => sum + shape.credentials, 0);
    for (const shape of shapes) {
      for (const [measure, { max, what }] of Object.entries(LIMITS)) {
        if ({ ...shape, credentials }[measure as keyof Shape] > max) {
          return refusal(`The document has more than ${max} ${what}.`);
        }
      }
    }
    return null;
  }
}

/** The same limits as a validation rule, for a server of one's own. */
export function documentLimits(schema: GraphQLSchema): ValidationRule {
  const limits = new DocumentLimits(schema);
  return (context) => ({
    Document: {
      enter(document) {
        const text = document.loc?.source.body ?? "";
        const excess = findExcessOfLines(text) ?? limits.findExcess(document);
        if (excess === null) return undefined;
        context.reportError(excess);
        return null;
      },
    },
  });
}

function findExcessOfLines(text: string): GraphQLError | null {
  if (text.split(/\r\n|[\n\r]/, MAX_LINES + 1).length <= MAX_LINES) return null;
  return refusal(`The document has more than ${MAX_LINES} lines.`);
}

function refusal(message: string, code = "GRAPHQL_VALIDATION_FAILED"): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status: 400 } } });
}

function parseWithin(text: string): DocumentNode {
  try {
    return parse(text, { ...PARSE_LIMITS, noLocation: true });
  } catch (error) {
    const { message } = error as Error;
    throw refusal(message, "GRAPHQL_PARSE_FAILED");
  }
}

/** Counts directives, and the fields of the name that comes most often. */
function countWritten(document: DocumentNode): { directives: number; namesakes: number } {
  const fields = new Map<string, number>();
  let directives = 0;
  visit(document, {
    Directive: () => void (directives += 1),
    Field: ({ alias, name }) => {
      const key = (alias ?? name).value;
      fields.set(key, (fields.get(key) ?? 0) + 1);
    },
  });
  return { directives, namesakes: Math.max(0, ...fields.values()) };
}

/** Each fragment is looked at once, and its shape added wherever it is spread. */
class ShapeReader {
  readonly #document: DocumentNode;
  readonly #credentialFields: ReadonlySet<string>;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #shapes = new Map<string, Shape>();

  constructor(document: DocumentNode, credentialFields: ReadonlySet<string>) {
    this.#document = document;
    this.#credentialFields = credentialFields;
    this.#fragments = new Map(
      document.definitions
        .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
        .map((fragment) => [fragment.name.value, fragment]),
    );
  }

  readOperations(): Shape[] {
    return this.#document.definitions
      .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
      .map(({ selectionSet }) => this.#ofSelectionSet(selectionSet));
  }

  #ofSelectionSet(selectionSet: SelectionSetNode): Shape {
    let sum = NOTHING;
    for (const selection of selectionSet.selections) {
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        sum = add(sum, this.#ofSelectionSet(selection.selectionSet));
      } else if (selection.kind === Kind.FRAGMENT_SPREAD) {
        sum = add(sum, this.#ofFragment(selection.name.value));
      } else {
        const name = selection.name.value;
        const below = selection.selectionSet && this.#ofSelectionSet(selection.selectionSet);
        // What describes the schema nests deeper than any data, and graphql-js has a limit of its own for it.
        const isIntrospection = name === "__schema" || name === "__type";
        sum = add(sum, {
          depth: 1 + (isIntrospection ? 0 : (below?.depth ?? 0)),
          selections: 1 + (below?.selections ?? 0),
          aliases: (selection.alias === undefined ? 0 : 1) + (below?.aliases ?? 0),
          fields: 1,
          credentials: this.#credentialFields.has(name) ? 1 : 0,
        });
      }
    }
    return sum;
  }

  /** Of one that is missing, or that spreads itself, nothing: validation refuses it. */
  #ofFragment(name: string): Shape {
    const known = this.#shapes.get(name);
    if (known !== undefined) return known;
    this.#shapes.set(name, NOTHING);
    const fragment = this.#fragments.get(name);
    const shape = fragment ? this.#ofSelectionSet(fragment.selectionSet) : NOTHING;
    this.#shapes.set(name, shape);
    return shape;
  }
}

function add(a: Shape, b: Shape): Shape {
  return {
    depth: Math.max(a.depth, b.depth),
    selections: Math.min(a.selections + b.selections, TOO_MUCH),
    aliases: Math.min(a.aliases + b.aliases, TOO_MUCH),
    fields: Math.min(a.fields + b.fields, TOO_MUCH),
    credentials: Math.min(a.credentials + b.credentials, TOO_MUCH),
  };
}
