import { availableParallelism } from 'node:os';

/**
 * Threads of one operation: all processors up to four; above that half of them where two are one core (x64), because
 * a core's second thread adds nothing to a multiplication of matrices. A choice of the runtime's own would also tie
 * threads to cores, which fails in containers.
 */
export function defaultThreads(
  processors: number = availableParallelism(),
  architecture: string = process.arch,
): number {
  if (processors <= 4) return Math.max(1, processors);
  return architecture === 'x64' ? Math.max(4, Math.ceil(processors / 2)) : processors;
}
