import {
  type DocumentNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from "graphql";

/** A field that clients may add to any selection. */
const TYPENAME = "__typename";

/**
 * Returns the name of an operation's root field, or `multiple` if the operation has several. `__typename` counts only
 * if there is no other field. Fields that `@skip` or `@include` leaves out count, too.
 * @param document must be validated, so that it has all fragments
 */
export function rootFieldOf(operation: OperationDefinitionNode, document: DocumentNode): string {
  /** Maps response names to field names. */
  const fields = new Map<string, string>();
  const visited = new Set<string>();
  const visit = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        fields.set((selection.alias ?? selection.name).value, selection.name.value);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        visit(selection.selectionSet);
      } else if (!visited.has(selection.name.value)) {
        // Visit each fragment only once. Otherwise nested fragments could take exponential time.
        visited.add(selection.name.value);
        for (const found of document.definitions) {
          if (found.kind !== Kind.FRAGMENT_DEFINITION) continue;
          if (found.name.value === selection.name.value) visit(found.selectionSet);
        }
      }
    }
  };
  visit(operation.selectionSet);
  const names = [...fields.values()].filter((name) => name !== TYPENAME);
  return names.length > 1 ? "multiple" : (names[0] ?? TYPENAME);
}
