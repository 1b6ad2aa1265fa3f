/**
 * `npm run crash`: kills writers at random moments and checks what they left. Options: `--rounds` (500), `--seed`
 * (another one each time), `--inside` (share of the kills inside system calls, 0.3).
 */
import { parseArgs } from 'node:util';
import { crash, noTracer } from './crash.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string' }, seed: { type: 'string' }, inside: { type: 'string' } },
});
const missing = noTracer();
if (missing !== undefined) process.stderr.write(`no kills inside system calls: ${missing}\n`);
const figures = await crash({
  rounds: Number(values.rounds ?? 500),
  seed: Number(values.seed ?? Date.now() % 1_000_000),
  insideCalls: missing === undefined ? Number(values.inside ?? 0.3) : 0,
  onRound: ({ rounds, problems }) => {
    if (rounds % 10 === 0 || problems.length > 0) process.stderr.write(`round ${rounds}\n`);
  },
});
process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
process.exitCode = figures.problems.length === 0 ? 0 : 1;
