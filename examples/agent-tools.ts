// Hand a memory to an agent as three tools, no framework needed: node examples/agent-tools.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { use } from '@memvid/sdk';

const folder = await mkdtemp(join(tmpdir(), 'memvid-example-'));
const memory = await use('openai', join(folder, 'agent.mv2'), { mode: 'create' });

// `memory.tools` goes to the chat API as it is; a tool call that comes back is carried out like this.
const call = async (name: string, args: string): Promise<string> => {
  const tool = memory.functions.find((candidate) => candidate.name === name);
  return tool === undefined ? '{"error":"no such tool"}' : tool.execute(args);
};
console.log(await call('memvid_put', '{"title":"Tea","label":"note","text":"Ann drinks green tea."}'));
console.log(await call('memvid_ask', '{"question":"What does Ann drink?"}'));

await memory.close();
await rm(folder, { recursive: true });
