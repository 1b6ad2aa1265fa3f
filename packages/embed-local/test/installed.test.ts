import { describe, expect, it } from 'vitest';
import { local } from '../src/index.ts';
import { cosine } from './support/models.ts';

/** On for `1`, `true`, `yes` and `on`. */
const gate = /^(1|true|yes|on)$/i.test(process.env['MEMVID_RUN_EMBEDDING_INTEGRATION_TESTS'] ?? '');
if (!gate) process.stderr.write('skipped: bge-small: MEMVID_RUN_EMBEDDING_INTEGRATION_TESTS is not set\n');

// With the gate on and no model this fails, as it should.
describe.skipIf(!gate)('bge-small, from MEMVID_MODELS_DIR', () => {
  it('tells the passage that answers a question from others', async () => {
    const embedder = local('bge-small');
    const passages = [
      'We moved the data from MySQL to PostgreSQL in March.',
      'The team meets for lunch every Tuesday at noon.',
      'The launch is planned for May.',
    ];
    const documents = (await embedder.embed(passages, { kind: 'document' })).vectors;
    const questions = ['Which database is used?', 'When is the common meal?', 'When will it be published?'];
    const asked = (await embedder.embed(questions, { kind: 'query' })).vectors;
    for (const [index, question] of asked.entries()) {
      const likeness = documents.map((document) => cosine(document, question));
      expect(likeness.indexOf(Math.max(...likeness))).toBe(index);
      expect(question).toHaveLength(384);
      expect(Math.hypot(...question)).toBeCloseTo(1, 5);
    }
    expect(await embedder.describe()).toMatchObject({ pooling: 'cls', maxTokens: 512 });
    await embedder.close();
  });
});
