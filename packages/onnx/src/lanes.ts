/** Parts that are under way: one is computed, and the next is made ready behind it. */
const LANES = 2;

/**
 * Runs `work` for the parts of `count` things, `size` of them each, two parts at a time. What fails in one lane ends the other
 * behind the part that it is at, and is thrown when nothing is under way any more.
 */
export async function inLanes(
  count: number,
  size: number,
  signal: AbortSignal | undefined,
  work: (start: number, end: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    try {
      while (next < count) {
        signal?.throwIfAborted();
        const start = next;
        next = Math.min(count, start + size);
        await work(start, next);
      }
    } catch (error) {
      next = count;
      throw error;
    }
  };
  const lanes = Array.from({ length: LANES }, lane);
  await Promise.allSettled(lanes);
  await Promise.all(lanes);
}
