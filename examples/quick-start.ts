// Put two documents in, find, ask, look back: node examples/quick-start.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { create } from '@memvid/sdk';

const folder = await mkdtemp(join(tmpdir(), 'memvid-example-'));
const memory = await create(join(folder, 'notes.mv2'));

await memory.put({ title: 'Database', text: 'We moved from MySQL to PostgreSQL in March.', tags: ['infra'] });
await memory.put({ title: 'Lunch', text: 'The team meets for lunch every Tuesday at noon.' });

const { hits } = await memory.find('Which database are we using?');
console.log('found:', hits[0]?.title);

const { answer } = await memory.ask('When does the team meet for lunch?');
console.log('answer:', answer);

for (const entry of await memory.timeline()) console.log('timeline:', entry.frame_id, entry.preview);

await memory.close();
await rm(folder, { recursive: true });
