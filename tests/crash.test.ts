import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { create } from '@memvid/sdk';
import { crash, noTracer } from './reliability/crash.ts';
import { textOf, uriOf, wordOf } from './reliability/documents.ts';
import { Expectation } from './reliability/expectation.ts';
import { seed } from './support/random.ts';
import { leftOut, scratch } from './support/workspace.ts';

const withoutTracer = leftOut('kills at random system calls', noTracer());

// `npm run crash` does the same 500 times.
describe('kill -9', () => {
  it('writers that are killed again and again lose nothing they acknowledged, and leave nothing half done', async () => {
    const figures = await crash({
      rounds: 20,
      roundsOfFile: 5,
      seed: seed('MEMVID_CRASH_SEED', 1),
      insideCalls: withoutTracer ? 0 : 0.3,
    });
    expect(figures.problems).toEqual([]);
    expect(figures.rounds).toBe(20);
    expect(figures.acknowledged['put']).toBeGreaterThan(20);
  }, 240_000);

  it('what is lost, half done, left over or changed would be seen', async () => {
    const file = join(scratch(), 'notes.mv2');
    const memory = await create(file);
    const put = (name: string, text = textOf(name)): Promise<string> =>
      memory.put({ text, title: name, uri: uriOf(name) });
    const kept = await put('kept');
    const changed = await put('changed', 'another text');
    await put('leftover');
    await put('half1');
    await memory.close();
    const expectation = new Expectation(undefined);
    const said = [
      { begun: 1, change: { call: 'put', names: ['kept'] } },
      { done: 1, ids: [kept] },
      { begun: 2, change: { call: 'put', names: ['changed'] } },
      { done: 2, ids: [changed] },
      { begun: 3, change: { call: 'put', names: ['lost'] } },
      { done: 3, ids: ['9'] },
      { begun: 4, change: { call: 'putMany', names: ['half1', 'half2'] } },
    ];
    expectation.take(said.map((line) => `${JSON.stringify(line)}\n`).join('') + '{"begun":5,"cha');
    const { problems } = await expectation.check(file, { readOnly: true, look: 16, random: Math.random });
    const seen = problems.join('\n');
    expect(seen).toContain('half present: 1 of 2 of a putMany');
    expect(seen).toContain(`lost: ${uriOf('lost')}`);
    expect(seen).toContain(`nobody stored ${uriOf('leftover')}`);
    expect(seen).toContain(`${uriOf('changed')} has another text`);
    expect(seen).not.toContain(`${wordOf('kept')} `);
  });
});
