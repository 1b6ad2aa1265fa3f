import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runProgram } from './support/child.ts';
import { sdkEntry } from './support/places.ts';
import { expectAlone, scratch } from './support/workspace.ts';

const flags = ['--import', join(import.meta.dirname, 'support/socket-trap.mjs')];
/** A key and settings that make the reference call its server. */
const env = {
  MEMVID_API_KEY: 'mv2_some_key',
  MEMVID_TELEMETRY: '1',
  MEMVID_OFFLINE: '',
  NVIDIA_API_KEY: 'some-key',
  OPENAI_API_KEY: 'some-key',
};

/** Every kind of call, with the results counted so that nobody skips them. */
const SESSION = `
  import { dirname, join } from 'node:path';
  const before = openSockets();
  let most = before, calls = 0;
  const step = async (run) => { await run(); calls += 1; most = Math.max(most, openSockets()); };
  const refused = (run) => step(() => run().then(() => { throw new Error('not refused'); }, (error) => { if (!sdk.MemvidError.isMemvidError(error)) throw error; }));
  const memory = await sdk.create(file, { memvidApiKey: 'mv2_some_key' });
  await step(async () => sdk.info());
  await step(() => memory.put({ text: 'The meeting is on Tuesday.', metadata: { team: 'a' }, autoTag: true }));
  await step(() => memory.putMany(Array.from({ length: 600 }, (_, n) => ({ title: 'T' + n, text: 'note number ' + n }))));
  await step(() => memory.putMany([{ title: 'a', text: 'streamed' }], { onError: 'report' }));
  await step(() => memory.put({ text: 'long text '.repeat(1000) }));
  for (const mode of ['lex', 'auto']) await step(() => memory.find('meeting', { mode }));
  await step(() => memory.ask('When is the meeting?'));
  await step(() => memory.ask('When is the meeting?', { contextOnly: true, model: 'nvidia:some-model', maskPii: true }));
  await refused(() => memory.ask('When is the meeting?', { model: 'openai:some-model' }));
  await refused(() => memory.find('meeting', { mode: 'sem' }));
  await refused(() => memory.put({ text: 'x', enableEmbedding: true, embeddingModel: 'openai-small' }));
  await step(() => memory.timeline());
  await step(() => memory.update(0, { text: 'The meeting is on Friday.' }));
  await step(() => memory.correct('The meeting is on Monday.'));
  await step(() => memory.remove(3));
  await step(() => memory.removeMany({ where: { team: 'b' } }));
  await step(() => memory.stats());
  await step(() => memory.verify({ deep: true }));
  await step(() => memory.seal());
  await step(() => memory.close());
  await step(() => sdk.verifyMemvid(file));
  await step(() => sdk.verifySingleFile(file));
  await step(() => sdk.lockWho(file));
  await step(() => sdk.lockNudge(file));
  const capsule = join(dirname(file), 'c.mv2e');
  await step(() => sdk.lock(file, { password: 'p', output: capsule }));
  await step(() => sdk.unlock(capsule, { password: 'p', output: file, force: true }));
  (await import('node:fs')).rmSync(capsule);
  for (const kind of ['openai', 'crewai', 'autogen', 'google-adk']) {
    await step(async () => { const agent = await sdk.use(kind, file); await agent.find('meeting'); await agent.close(); });
  }
  await refused(() => sdk.open(file + '.missing'));
  const compat = await import(${JSON.stringify(join(dirname(sdkEntry), 'compat.js'))});
  await step(async () => compat.isTelemetryEnabled());
  await step(() => compat.flushAnalytics());
  await refused(() => compat.createMemory('x'));
  await refused(() => compat.listMemories());
  console.log(JSON.stringify({ trapped: globalThis.trappedSockets, calls, opened: most - before }));
`;

describe('no network', () => {
  it('a whole session opens no socket and asks no name server, whatever the environment says', () => {
    const file = join(scratch(), 'quiet.mv2');
    expect(runProgram(SESSION, file, { flags, env })).toEqual({ trapped: [], calls: 36, opened: 0 });
    expectAlone(file);
  });

  it('the trap catches what it is there for', () => {
    const code = `
      const attempt = async (run) => { try { await run(); } catch {} };
      await attempt(() => fetch('http://localhost:9'));
      const { connect } = await import('node:net');
      await attempt(() => connect(9, 'localhost'));
      const { lookup } = await import('node:dns/promises');
      await attempt(() => lookup('localhost'));
      const { get } = await import('node:https');
      await attempt(() => get('https://localhost:9'));
      console.log(JSON.stringify(globalThis.trappedSockets));
    `;
    expect(runProgram(code, 'unused', { flags })).toEqual([
      'globalThis.fetch',
      'net.connect',
      'dns.promises.lookup',
      'https.get',
    ]);
  });
});
