import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Where } from '../src/index.ts';
import { freshMemory, scratch } from './support/memory.ts';
import { expectRefused, wrong } from './support/refusals.ts';

describe('filters never select more than they say', () => {
  it('a key named __proto__ is a condition like any other', async () => {
    await using memory = await freshMemory();
    const named = JSON.parse('{"__proto__":"zz","n":1}') as Record<string, unknown>;
    await memory.put({ text: 'plain report' });
    const id = await memory.put({ text: 'named report', metadata: named });
    const where = JSON.parse('{"__proto__":"zz"}') as Where;
    expect((await memory.find('report', { where })).hits.map((hit) => hit.frame_id)).toEqual([Number(id)]);
    const other = JSON.parse('{"__proto__":"other"}') as Where;
    expect((await memory.find('report', { where: other })).hits).toEqual([]);
    expect((await memory.timeline({ where: other })).length).toBe(0);
    expect((await memory.removeMany({ where: other, dryRun: true })).removed).toBe(0);
    const nested = JSON.parse('{"a":{"$eq":{"__proto__":1}}}') as Where;
    expect((await memory.find('report', { where: nested })).hits).toEqual([]);
    expect(JSON.stringify((await memory.getFrameInfo(id)).metadata)).toBe(JSON.stringify(named));
  });

  it('the file given to putFile keeps a key named __proto__ of its metadata', async () => {
    await using memory = await freshMemory();
    const file = join(scratch(), 'a.md');
    writeFileSync(file, 'words of a file');
    await memory.putFile(file, { metadata: JSON.parse('{"__proto__":"zz"}') as Record<string, unknown> });
    const where = JSON.parse('{"__proto__":"zz"}') as Where;
    expect((await memory.find('words', { where })).total_hits).toBe(1);
  });

  class Filter {
    owner = 'ann';
  }
  const STRANGE: [string, () => unknown][] = [
    ['a Promise', () => Promise.resolve({ owner: 'ann' })],
    ['a RegExp', () => /ann/],
    ['a generator', () => (function* () {})()],
    ['an Error', () => new Error('x')],
    ['a URL', () => new URL('https://example.com/')],
    ['a String', () => new String('x')],
    ['a Number', () => new Number(1)],
    ['a Map', () => new Map([['owner', 'ann']])],
    ['a Set', () => new Set(['ann'])],
    ['bytes', () => new Uint8Array(4)],
    ['an ArrayBuffer', () => new ArrayBuffer(4)],
    ['a WeakMap', () => new WeakMap()],
    ['an instance', () => new Filter()],
    ['an heir', () => Object.create({ owner: 'ann' }) as unknown],
  ];

  it.each([...STRANGE, ['a Date', () => new Date()] as const])(
    '%s is no filter and no metadata',
    async (_, make) => {
      await using memory = await freshMemory();
      await memory.put({ text: 'report', metadata: { owner: 'bob' } });
      await expectRefused(() => memory.find('report', { where: wrong(make()) }), 'where');
      await expectRefused(() => memory.ask('report', { where: wrong(make()) }), 'where');
      await expectRefused(() => memory.timeline({ where: wrong(make()) }), 'where');
      await expectRefused(() => memory.removeMany({ where: wrong(make()) }), 'where');
      await expectRefused(() => memory.find('report', { where: { $and: [wrong(make())] } }), 'where.$and[0]');
      await expectRefused(() => memory.put({ text: 'x', metadata: wrong(make()) }), 'metadata');
      expect((await memory.stats()).frame_count).toBe(1);
    },
  );

  it.each(STRANGE)('%s is no value inside of either', async (_, make) => {
    await using memory = await freshMemory();
    await expectRefused(() => memory.find('report', { where: { owner: wrong(make()) } }), 'where.owner');
    await expectRefused(() => memory.find('x', { where: { a: { $in: [wrong(make())] } } }), 'where.a.$in[0]');
    await expectRefused(() => memory.put({ text: 'x', metadata: { a: [make()] } }), 'metadata.a[0]');
    await expectRefused(() => memory.update(0, { metadata: { a: make() } }), 'metadata.a');
  });

  it('a condition without a value, and one named by a symbol, are refused instead of dropped', async () => {
    await using memory = await freshMemory();
    await expectRefused(() => memory.find('x', { where: { owner: undefined } }), 'where.owner');
    await expectRefused(
      () => memory.find('x', { where: { n: wrong({ $gte: 1, $lt: undefined }) } }),
      'where.n.$lt',
    );
    await expectRefused(() => memory.find('x', { where: wrong({ [Symbol('owner')]: 1 }) }), 'where');
  });

  it.each(STRANGE.slice(0, 12))('%s holds no options: a filter in it would be lost', async (_, make) => {
    await using memory = await freshMemory();
    await expectRefused(() => memory.find('x', wrong(make())), 'options');
    await expectRefused(() => memory.removeMany(wrong(make())), 'selection');
    await expectRefused(() => memory.put(wrong(make())), 'input');
    await expectRefused(() => memory.putMany([wrong(make())]), 'docs[0]');
  });

  it('removing everything needs all: true, but a filter may select everything', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'one' });
    await expectRefused(() => memory.removeMany({ where: {} }), 'selection');
    await expectRefused(() => memory.removeMany({ where: { $and: [{}] } }), 'selection');
    const everything = await memory.removeMany({ where: { a: { $nin: [] } }, dryRun: true });
    expect(everything.removed).toBe(1);
  });

  it('dates in metadata become what JSON makes of them', async () => {
    await using memory = await freshMemory();
    const id = await memory.put({ text: 'x', metadata: { at: new Date(0), list: [new Date(1)] } });
    expect((await memory.getFrameInfo(id)).metadata).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      list: ['1970-01-01T00:00:00.001Z'],
    });
    await expectRefused(
      () => memory.put({ text: 'x', metadata: { at: new Date(Number.NaN) } }),
      'metadata.at',
    );
  });
});
