/**
 * Returns the result of `running`, or the result of `onTimeout` if `running` takes too long. A later result or error of
 * `running` is ignored.
 * @param milliseconds how long to wait
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
