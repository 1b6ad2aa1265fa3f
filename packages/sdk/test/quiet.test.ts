import dns from 'node:dns';
import net from 'node:net';
import { expect, it, vi } from 'vitest';
import { expectAlone, freshMemory } from './support/memory.ts';

it('§17.17 §17.36 §17.37 whatever the environment says: opens no socket, asks no name server, prints nothing and leaves no other file', async () => {
  vi.stubEnv('MEMVID_API_KEY', 'mv2_some_key');
  vi.stubEnv('MEMVID_TELEMETRY', '1');
  const trapped: string[] = [];
  const connect = vi.spyOn(net.Socket.prototype, 'connect').mockImplementation(function trap(
    this: net.Socket,
  ) {
    trapped.push('connect');
    return this;
  });
  const lookup = vi.spyOn(dns, 'lookup').mockImplementation((() => trapped.push('lookup')) as never);
  const fetched = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => {
    trapped.push('fetch');
    return new Response();
  });
  const written = [
    vi.spyOn(process.stdout, 'write').mockImplementation(() => true),
    vi.spyOn(process.stderr, 'write').mockImplementation(() => true),
  ];
  let printed: unknown[][] = [];
  const memory = await freshMemory();
  try {
    await memory.put({ text: 'quiet words' });
    await memory.putMany([{ title: 't', text: 'more quiet words' }]);
    expectAlone(memory.file);
    await memory.find('quiet');
    await memory.ask('quiet?');
    await memory.find('quiet', { mode: 'auto' });
    await memory.timeline();
    await memory.verify({ deep: true });
    await memory.remove(0);
    expectAlone(memory.file);
    await memory.close();
    expectAlone(memory.file);
    printed = written.flatMap((spy) => spy.mock.calls);
  } finally {
    for (const spy of [connect, lookup, fetched, ...written]) spy.mockRestore();
    vi.unstubAllEnvs();
  }
  expect(trapped).toEqual([]);
  expect(printed).toEqual([]);
});
