// Polls for what no event tells.

/** Tries until `check` throws no more, and gives up with its last error. */
export async function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  const end = Date.now() + 30_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  }
}
