// `pnpm bench:stream [--rounds 20]`: milliseconds from a piece of an answer being sent by a service, in another process on
// this machine, to `askStream` giving it: of the first piece of an answer, and of all; one JSON line a figure.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openai } from '@memvid/llm-openai';
import { create } from '@memvid/sdk';
import { commandLine, makeWorkspace } from './command.ts';
import { Results } from './results.ts';
import { quantile, rounded } from './statistics.ts';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, out: { type: 'string' } },
  args: commandLine(),
});

const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  throw new Error(`--rounds is ${options.rounds}, and must be a whole number from 1 on`);
}

const results = new Results('stream-', options.out);
const server = fork(join(import.meta.dirname, 'stream-server.ts'));
const [port] = (await once(server, 'message')) as [number];
const model = openai('m', { apiKey: 'none', baseURL: `http://127.0.0.1:${port}/v1` });
const memory = await create(join(makeWorkspace('stream'), 'notes.mv2'));
await memory.put({ title: 'Lunch', text: 'The canteen serves lunch at noon.' });

const first: number[] = [];
const all: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  let isFirst = true;
  for await (const part of await memory.askStream('When is lunch?', { model })) {
    if (part.type !== 'text') continue;
    const now = performance.timeOrigin + performance.now();
    const sent = /\d+\.\d{3}/.exec(part.text);
    if (sent === null) continue;
    const taken = now - Number(sent[0]);
    all.push(taken);
    if (isFirst) first.push(taken);
    isFirst = false;
  }
}
await memory.close();
server.kill();
if (first.length !== rounds) {
  throw new Error('an answer came without a piece that tells its time');
}

for (const [figure, values, share] of [
  ['stream_first_p50', first, 0.5],
  ['stream_first_most', first, 1],
  ['stream_p50', all, 0.5],
  ['stream_p99', all, 0.99],
] as const) {
  const measured = { figure, value: rounded(quantile(values, share)), unit: 'ms', calls: values.length };
  results.write(`${JSON.stringify({ peer: 'memvid', ...measured, ...results.now })}\n`);
}
