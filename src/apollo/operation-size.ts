import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from "graphql";

/** The size of an operation or a fragment. A fragment in it counts each time it is spread. */
export interface OperationSize {
  /** Levels of nested fields. */
  readonly depth: number;
  /** Fields on all levels. */
  readonly selections: number;
  /** Aliases on all levels. */
  readonly aliases: number;
  /** Fields on the first level. */
  readonly rootFields: number;
  /** Root fields that check a credential, such as `login`. */
  readonly credentialFields: number;
}

const EMPTY: OperationSize = {
  depth: 0,
  selections: 0,
  aliases: 0,
  rootFields: 0,
  credentialFields: 0,
};

/**
 * Measures each operation of a document, in time linear in the document's length.
 * @param credentialFields the names of the root fields that check a credential
 */
export function measureOperations(
  document: DocumentNode,
  credentialFields: ReadonlySet<string>,
): OperationSize[] {
  const measurer = new Measurer(document, credentialFields);
  return document.definitions
    .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
    .map(({ selectionSet }) => measurer.measure(selectionSet));
}

/** Measures operations. Measures each fragment only once, and adds its size wherever it is spread. */
class Measurer {
  readonly #credentialFields: ReadonlySet<string>;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #fragmentSizes = new Map<string, OperationSize>();

  constructor(document: DocumentNode, credentialFields: ReadonlySet<string>) {
    this.#credentialFields = credentialFields;
    this.#fragments = new Map(
      document.definitions
        .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
        .map((fragment) => [fragment.name.value, fragment]),
    );
  }

  measure(selectionSet: SelectionSetNode): OperationSize {
    let sum = EMPTY;
    for (const selection of selectionSet.selections) sum = add(sum, this.#measureOne(selection));
    return sum;
  }

  #measureOne(selection: SelectionNode): OperationSize {
    switch (selection.kind) {
      case Kind.FIELD:
        return this.#measureField(selection);
      case Kind.INLINE_FRAGMENT:
        return this.measure(selection.selectionSet);
      case Kind.FRAGMENT_SPREAD:
        return this.#measureFragment(selection.name.value);
    }
  }

  #measureField({ name: { value: name }, alias, selectionSet }: FieldNode): OperationSize {
    const below = selectionSet === undefined ? EMPTY : this.measure(selectionSet);
    // The usual introspection query is deep, so its depth does not count. graphql-js limits introspection itself.
    const isIntrospection = name === "__schema" || name === "__type";
    return {
      depth: 1 + (isIntrospection ? 0 : below.depth),
      selections: 1 + below.selections,
      aliases: (alias === undefined ? 0 : 1) + below.aliases,
      rootFields: 1,
      credentialFields: this.#credentialFields.has(name) ? 1 : 0,
    };
  }

  /** A missing fragment, or a fragment spread within itself, counts as empty. Validation rejects such documents. */
  #measureFragment(name: string): OperationSize {
    const known = this.#fragmentSizes.get(name);
    if (known !== undefined) return known;
    this.#fragmentSizes.set(name, EMPTY);
    const fragment = this.#fragments.get(name);
    const size = fragment === undefined ? EMPTY : this.measure(fragment.selectionSet);
    this.#fragmentSizes.set(name, size);
    return size;
  }
}

/** Nested fragments can make the sums too large for exact numbers. They are then still above any limit. */
function add(a: OperationSize, b: OperationSize): OperationSize {
  return {
    depth: Math.max(a.depth, b.depth),
    selections: a.selections + b.selections,
    aliases: a.aliases + b.aliases,
    rootFields: a.rootFields + b.rootFields,
    credentialFields: a.credentialFields + b.credentialFields,
  };
}
