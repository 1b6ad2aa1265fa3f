/**
 * `npm run processes`: several processes write one file, others read it. Options: `--writers` (8), `--writes` of each
 * (500), `--readers` (2), `--seed`, `--reference` (its program writes too, where it is installed).
 */
import { parseArgs } from 'node:util';
import { referenceProgram } from '../support/places.ts';
import { together } from './together.ts';

const { values } = parseArgs({
  options: {
    writers: { type: 'string' },
    writes: { type: 'string' },
    readers: { type: 'string' },
    seed: { type: 'string' },
    reference: { type: 'boolean' },
  },
});
const missing = values.reference === true ? referenceProgram().missing : undefined;
if (missing !== undefined) throw new Error(missing);
const figures = await together({
  writers: Number(values.writers ?? 8),
  writes: Number(values.writes ?? 500),
  readers: Number(values.readers ?? 2),
  seed: Number(values.seed ?? Date.now() % 1_000_000),
  withReference: values.reference === true,
});
process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
process.exitCode = figures.problems.length === 0 ? 0 : 1;
