import fc from "fast-check";
import {
  getNamedType,
  getNullableType,
  type GraphQLCompositeType,
  type GraphQLInputType,
  type GraphQLSchema,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isUnionType,
} from "graphql";

/** The options of {@link documents}. */
export interface DocumentOptions {
  kinds?: readonly ("query" | "mutation")[];
  /** The maximum depth of fields. @default 5 */
  depth?: number;
  /** The values for arguments of type String and ID. */
  texts?: readonly string[];
}

/** The approximate largest number of selections in the text of a document. */
const MAX_SELECTIONS = 25;

/** Returns a number from 0 to `max`. */
type Choose = (max: number) => number;

/**
 * Generates valid documents of a schema. They have fields of every kind with arguments and aliases. They have inline,
 * named and nested fragments on objects, interfaces and unions. Their `@skip` and `@include` skip nothing. A failing
 * document is not made smaller, because it is short already.
 */
export function documents(
  schema: GraphQLSchema,
  options: DocumentOptions = {},
): fc.Arbitrary<string> {
  const seeds = fc.noShrink(fc.integer());
  return seeds.map((seed) => new Writer(schema, chooser(seed), options).write());
}

/** Returns pseudo-random choices. The generator is mulberry32. */
function chooser(seed: number): Choose {
  let state = seed;
  return (max) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) % (max + 1);
  };
}

class Writer {
  readonly #schema: GraphQLSchema;
  readonly #choose: Choose;
  readonly #options: Required<DocumentOptions>;
  readonly #fragments: { name: string; on: GraphQLCompositeType; text: string }[] = [];
  #names = 0;
  #selectionsLeft = MAX_SELECTIONS;

  constructor(schema: GraphQLSchema, choose: Choose, options: DocumentOptions) {
    this.#schema = schema;
    this.#choose = choose;
    this.#options = { kinds: ["query", "mutation"], depth: 5, texts: ["x"], ...options };
  }

  write(): string {
    const kind = this.#oneOf(this.#options.kinds);
    const root = kind === "query" ? this.#schema.getQueryType() : this.#schema.getMutationType();
    const operation = `${kind} ${this.#selections(root!, this.#options.depth)}`;
    const fragments = this.#fragments.map(
      ({ name, on, text }) => `fragment ${name} on ${on.name} ${text}`,
    );
    return [operation, ...fragments].join("\n");
  }

  #selections(type: GraphQLCompositeType, depth: number): string {
    const count = 1 + this.#choose(2);
    return `{ ${Array.from({ length: count }, () => this.#selection(type, depth)).join(" ")} }`;
  }

  #selection(type: GraphQLCompositeType, depth: number): string {
    this.#selectionsLeft -= 1;
    const form = this.#selectionsLeft > 0 ? this.#choose(9) : 9;
    if (form === 0) return `...${this.#directive()} ${this.#selections(type, depth)}`;
    if (form <= 2) {
      const on = this.#oneOf(this.#overlapping(type));
      return `... on ${on.name}${this.#directive()} ${this.#selections(on, depth)}`;
    }
    if (form <= 4) return `...${this.#fragment(type, depth)}${this.#directive()}`;
    return this.#field(type, depth);
  }

  /** Returns the name of a fragment that fits here: an existing one or a new one. */
  #fragment(type: GraphQLCompositeType, depth: number): string {
    const overlapping = this.#overlapping(type);
    const known = this.#fragments.filter(({ on }) => overlapping.includes(on));
    if (known.length > 0 && this.#choose(1) === 0) return this.#oneOf(known).name;
    const on = this.#oneOf(overlapping);
    // The fragment is added only after it is written, so that no fragment contains itself.
    const text = this.#selections(on, depth);
    const name = `F${(this.#names += 1)}`;
    this.#fragments.push({ name, on, text });
    return name;
  }

  #field(type: GraphQLCompositeType, depth: number): string {
    const all = isUnionType(type) ? [] : Object.values(type.getFields());
    const fields =
      depth > 1 && this.#selectionsLeft > 0
        ? all
        : all.filter((field) => !isCompositeType(getNamedType(field.type)));
    if (fields.length === 0) return "__typename";
    const field = this.#oneOf(fields);
    const args = field.args
      .filter((arg) => isRequiredArgument(arg) || this.#choose(1) === 0)
      .map((arg) => `${arg.name}: ${this.#value(arg.type)}`);
    const below = getNamedType(field.type);
    // The aliases are unique, because fields with different arguments or types would otherwise conflict.
    const alias = `a${(this.#names += 1)}: `;
    const isAlone = args.length === 0 && isObjectType(type) && this.#choose(1) === 0;
    return [
      `${isAlone ? "" : alias}${field.name}`,
      args.length === 0 ? "" : `(${args.join(", ")})`,
      this.#directive(),
      isCompositeType(below) ? ` ${this.#selections(below, depth - 1)}` : "",
    ].join("");
  }

  #overlapping(type: GraphQLCompositeType): GraphQLCompositeType[] {
    const possible = (one: GraphQLCompositeType) =>
      isAbstractType(one) ? this.#schema.getPossibleTypes(one) : [one];
    return Object.values(this.#schema.getTypeMap())
      .filter(isCompositeType)
      .filter((other) => possible(other).some((one) => possible(type).includes(one)));
  }

  #directive(): string {
    const texts = ["", "", "", "", " @include(if: true)", " @skip(if: false)"];
    return this.#oneOf(texts);
  }

  #value(type: GraphQLInputType): string {
    if (!isNonNullType(type) && this.#choose(5) === 0) return "null";
    const nullable = getNullableType(type);
    if (isListType(nullable)) {
      return `[${Array.from({ length: this.#choose(3) }, () => this.#value(nullable.ofType)).join(", ")}]`;
    }
    if (isEnumType(nullable)) return this.#oneOf(nullable.getValues()).name;
    if (isInputObjectType(nullable)) {
      const fields = Object.values(nullable.getFields()).filter(() => this.#choose(2) === 0);
      return `{ ${fields.map((field) => `${field.name}: ${this.#value(field.type)}`).join(", ")} }`;
    }
    if (nullable.name === "Int") return this.#oneOf(["0", "1", "20", "100", "-1", "2147483647"]);
    if (nullable.name === "Boolean") return this.#oneOf(["true", "false"]);
    if (nullable.name === "DateTime") {
      return this.#oneOf([`"2026-01-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`]);
    }
    return JSON.stringify(this.#oneOf(this.#options.texts));
  }

  #oneOf<T>(choices: readonly T[]): T {
    return choices[this.#choose(choices.length - 1)]!;
  }
}
