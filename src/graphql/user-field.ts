import DataLoader from "dataloader";

/**
 * Returns the resolver of a field of `User`. If a query selects the field, one call of `read` reads it for all users of a
 * list. Otherwise it costs nothing.
 * @param read returns the values by the users' ids. A user who is missing in the result has the value null
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
  // Not cached, because a mutation of the same request may change the value.
  return new DataLoader(
    async (ids) => {
      const values = await read(ids);
      return ids.map((id) => values.get(id) ?? null);
    },
    { cache: false },
  );
}
