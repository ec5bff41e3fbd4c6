import DataLoader from "dataloader";

/**
 * Returns the resolver of a field of `User`. A list of users normally needs only one call of `read`. A query without
 * the field does not call `read`.
 * @param read returns a map from user ids to values. The field is null for a user without a value
 */
export function userField<Value>(
  read: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
) {
  const loaders = new WeakMap<object, DataLoader<string, Value | null>>();
  return (user: { readonly id: string }, _args: unknown, context: object) => {
    const loader = loaders.get(context) ?? createLoader(read);
    loaders.set(context, loader);
    return loader.load(user.id);
  };
}

function createLoader<Value>(
  read: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
): DataLoader<string, Value | null> {
  // Do not cache values, because a mutation of the same request may change them.
  return new DataLoader(
    async (ids) => {
      const values = await read(ids);
      return ids.map((id) => values.get(id) ?? null);
    },
    { cache: false },
  );
}
