/** Processor time in milliseconds that the process takes for `work`. A machine that is busy with other things adds nothing to it. */
export async function processorTime(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  return milliseconds(process.cpuUsage(before));
}

function milliseconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}

/** Milliseconds below which a time says nothing: code is compiled in it, and the clocks of some systems go in steps of 16. */
const LEAST = 50;
/** Twice the size takes twice the time where it grows in proportion, and four times where it grows with the square. */
const STEEP = 3;

/**
 * By what factor processor time grows when the size is doubled, up to `largest`: less than 3, unless it grows faster than the
 * size. Of two doublings in a row the lesser factor counts: from some size on work may go to a thread, and beginning one
 * costs once.
 * @param prepare makes what is measured, of a size.
 */
export async function growth(prepare: (size: number) => () => unknown, largest: number): Promise<number> {
  let greatest = 0;
  let last = 0;
  let before = Infinity;
  for (let size = largest / 16; size <= largest && greatest < STEEP; size *= 2) {
    const work = prepare(size);
    let now = await processorTime(work);
    const factor = (): number => now / Math.max(before, LEAST);
    // What else the process does, collecting garbage above all, only ever adds: the least of three counts.
    for (let more = 0; more < 2 && factor() >= STEEP; more += 1) {
      before = Math.min(before, await processorTime(prepare(size / 2)));
      now = Math.min(now, await processorTime(work));
    }
    greatest = Math.max(greatest, Math.min(last, factor()));
    last = factor();
    before = now;
  }
  return greatest;
}

/** What this thread takes; Node before 23.9 cannot tell, and says it of the whole process. */
const { threadCpuUsage = process.cpuUsage } = process;

/**
 * Processor time of this thread, milliseconds: all of what it took while `work` went on, and the longest that it kept
 * everything else waiting.
 */
export async function turnsOf(work: () => Promise<unknown>): Promise<{ longest: number; whole: number }> {
  const start = milliseconds(threadCpuUsage());
  let last = start;
  let longest = 0;
  const look = (): void => {
    const now = milliseconds(threadCpuUsage());
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(look, 1);
  try {
    await work();
    look();
  } finally {
    clearInterval(timer);
  }
  return { longest, whole: last - start };
}
