/**
 * Returns the result of `running`, or of `onTimeout` if `running` takes too long. Ignores a later result or error.
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
