import { describe, expect, it } from 'vitest';
import type { LaterCall } from '../src/later.ts';
import { freshMemory } from './support/memory.ts';

const CALLS: readonly LaterCall[] = [
  'sessionStart',
  'sessionCheckpoint',
  'sessionEnd',
  'sessionList',
  'sessionReplay',
  'sessionDelete',
];

describe('calls of later versions', () => {
  it.each(CALLS)('%s says that it is not available', async (name) => {
    await using memory = await freshMemory();
    await expect(
      (memory[name] as (argument: unknown) => Promise<unknown>).call(memory, undefined),
    ).rejects.toMatchObject({
      code: 'MV018',
      name: 'UnsupportedOperationError',
      message: expect.stringContaining(name),
      details: { operation: name },
      suggestion: expect.any(String),
    });
  });
});

describe('tickets, binding, tables', () => {
  it('give what is true of a local file', async () => {
    await using memory = await freshMemory();
    expect(await memory.getCapacity()).toBe(Number.MAX_SAFE_INTEGER);
    expect(await memory.currentTicket()).toMatchObject({
      issuer: 'free-tier',
      expires_in_secs: 0,
      capacity_bytes: Number.MAX_SAFE_INTEGER,
      verified: false,
    });
    expect(await memory.getMemoryBinding()).toBeNull();
    await expect(memory.unbindMemory()).resolves.toBeUndefined();
    expect(await memory.listTables()).toEqual([]);
  });
});
