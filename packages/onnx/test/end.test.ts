import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratch } from './support/failure.ts';
import { lookUpModel } from './support/onnx-model.ts';

/** Ends in the middle of what it computes, in one of several ways. */
const PROGRAM = `
  const [entry, path, way, delay] = process.argv.slice(1);
  const { openSession } = await import(entry);
  const session = await openSession(path, { fail: (message) => new Error(message) });
  const compute = (tokens) => {
    const tensor = { type: 'int64', dims: [1, tokens], data: new BigInt64Array(tokens) };
    return session.run({ input_ids: tensor, attention_mask: tensor, token_type_ids: tensor });
  };
  await compute(1);
  console.log('computing');
  const running = [compute(8_000_000), compute(8_000_000), compute(8_000_000)];
  for (const one of running) one.catch(() => undefined);
  setTimeout(() => {
    if (way === 'exit') process.exit(7);
    if (way === 'throw') throw new Error('of the application');
    if (way === 'close') session.close();
  }, Number(delay));
`;

describe('the end of a process that computes', () => {
  it.each([
    ['exit', 7, ''],
    ['throw', 1, 'of the application'],
    ['close', 0, ''],
    ['none', 0, ''],
  ])(
    '%s: with status %i, and never by an abort',
    (way, status, complaint) => {
      const path = join(scratch(), 'model.onnx');
      writeFileSync(path, lookUpModel([[1, 2]]));
      // As an application has it, built.
      const entry = join(import.meta.dirname, '../dist/index.js');
      for (const delay of [0, 30, 100]) {
        const words = ['--input-type=module', '-e', PROGRAM, entry, path, way, String(delay)];
        const run = spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 60_000 });
        expect([run.signal, run.status, run.stdout]).toEqual([null, status, 'computing\n']);
        if (complaint === '') expect(run.stderr).toBe('');
        else expect(run.stderr).toContain(complaint);
      }
    },
    60_000,
  );
});
