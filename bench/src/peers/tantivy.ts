import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Document } from '../corpus/document.ts';
import type { Found, Peer } from '../peer.ts';
import { tantivyProgram } from './tantivy-program.ts';

/** What the program answers to a request, a line of JSON each. */
interface Answer {
  wall_ms: number;
  cpu_ms: number;
  hits?: Found[];
  count?: number;
  error?: string;
}
type Request = { call: string } & Record<string, unknown>;

/** tantivy in a Rust program that measures its own calls. */
export default async function tantivy(): Promise<Peer> {
  const program = spawn(tantivyProgram(), { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(program, 'spawn');
  const answers = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
  let last = { wall: 0, cpu: 0 };
  const ask = async (request: Request): Promise<Answer> => {
    program.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await answers.next();
    if (line.done === true) throw new Error('the program of tantivy ended');
    const answer = JSON.parse(line.value) as Answer;
    if (answer.error !== undefined) throw new Error(`tantivy: ${answer.error}`);
    last = { wall: answer.wall_ms, cpu: answer.cpu_ms };
    return answer;
  };
  return {
    pid: program.pid ?? 0,
    lastCall: () => last,
    async create(path) {
      await ask({ call: 'create', path });
    },
    async open(path) {
      await ask({ call: 'open', path });
    },
    async putMany(batch) {
      await ask({ call: 'put_many', file: batch.file });
    },
    async put(document: Document) {
      await ask({ call: 'put', document });
    },
    async find(query, limit = 10) {
      const { words, track } = query;
      const answer = await ask({ call: 'find', class: query.class, words, track: track ?? null, limit });
      return answer.hits ?? [];
    },
    async timeline(limit) {
      return (await ask({ call: 'timeline', limit })).count ?? 0;
    },
    async count() {
      return (await ask({ call: 'count' })).count ?? 0;
    },
    async close() {
      await ask({ call: 'close' });
    },
  };
}
