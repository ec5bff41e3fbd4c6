import type { Failure } from "graphql-gatehouse/client";
import type { Result } from "graphql-gatehouse/client/account";
import { useCallback, useEffect, useState } from "react";

/**
 * Loads the result of a method of a client, and again on `reload`. The method must be the same function in each render.
 */
export function useResult<Data>(load: () => Promise<Result<Data>>): {
  data: Data | null;
  failure: Failure | null;
  reload: () => void;
} {
  const [result, setResult] = useState<Result<Data> | null>(null);
  const reload = useCallback(() => {
    void load().then(setResult);
  }, [load]);
  useEffect(reload, [reload]);
  return { data: result?.data ?? null, failure: result?.error ?? null, reload };
}
