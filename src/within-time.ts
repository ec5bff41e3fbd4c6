/**
 * Returns the result of `running`, or that of `onTimeout` when it takes too long. What `running` does later has no effect.
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
