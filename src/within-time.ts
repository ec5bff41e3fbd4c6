/**
 * Returns the result of `running`. After `milliseconds`, returns the result of `onTimeout` instead, and ignores a later
 * result or error of `running`.
 * @param onTimeout returns a result, or throws
 */
export async function withinTime<Result, Late>(
  running: Promise<Result>,
  milliseconds: number,
  onTimeout: () => Late,
): Promise<Result | Late> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  try {
    return await Promise.race([running, timeout.then(onTimeout)]);
  } finally {
    clearTimeout(timer);
  }
}
