/**
 * `npm run arguments`: calls everything with arguments of every kind. Options: `--calls` (100 000 of the SDK, and as many
 * of the addon), `--seed`.
 */
import { parseArgs } from 'node:util';
import { fuzzArguments } from './arguments.ts';

const { values } = parseArgs({ options: { calls: { type: 'string' }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? Date.now() % 1_000_000);
/** Calls of one process: each begins with a new memory. */
const EACH = 5000;
const wanted = Number(values.calls ?? 100_000);
let hasFailed = false;
for (const target of ['sdk', 'addon'] as const) {
  const sum = {
    target,
    seed,
    calls: 0,
    done: 0,
    refused: {} as Record<string, number>,
    problems: [] as string[],
  };
  for (let part = 0; sum.calls < wanted && sum.problems.length === 0; part += 1) {
    const result = await fuzzArguments({
      seed: seed + part,
      calls: Math.min(EACH, wanted - sum.calls),
      target,
    });
    sum.calls += result.calls;
    sum.done += result.done;
    for (const [code, count] of Object.entries(result.refused)) {
      sum.refused[code] = (sum.refused[code] ?? 0) + count;
    }
    sum.problems.push(...result.problems.map((problem) => `seed ${seed + part}: ${problem}`));
  }
  process.stdout.write(`${JSON.stringify(sum, undefined, 2)}\n`);
  hasFailed ||= sum.problems.length > 0;
}
process.exitCode = hasFailed ? 1 : 0;
