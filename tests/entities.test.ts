import { describe, expect, it } from 'vitest';
import { runIn } from './support/child.ts';
import { linkedInstallation } from './support/install.ts';

/** The packages as an application has them: each finds the others beside it, and nothing above. */
async function printed(code: string): Promise<unknown> {
  const folder = linkedInstallation('core', 'sdk', 'onnx', 'ner', 'ner-model-en');
  const run = await runIn(folder, code, { env: { MEMVID_MODELS_DIR: folder } });
  expect(run.complained).toBe('');
  return JSON.parse(run.printed);
}

describe('@memvid/ner beside the SDK', () => {
  it('is discovered, and loads no model and no runtime when it is imported', async () => {
    const code = `
      import { registerHooks } from 'node:module';
      const loaded = [];
      registerHooks({ resolve(name, context, next) { const found = next(name, context); loaded.push(found.url); return found; } });
      const { discoverPlugins } = await import('@memvid/sdk/discover');
      const [plugin] = await discoverPlugins();
      const extractor = await plugin.entityExtractors['en-core-web-sm']();
      const strange = loaded.filter((url) => /onnxruntime|ner-model-en/.test(url));
      const [entities] = await extractor.extract(['Angela Merkel met Barack Obama in Berlin.']);
      await extractor.close();
      console.log(JSON.stringify([plugin.name, Object.keys(plugin.entityExtractors), strange, entities.map(({ name, type }) => [name, type])]));
    `;
    expect(await printed(code)).toEqual([
      '@memvid/ner',
      ['local', 'ner', 'en-core-web-sm', 'distilbert-ner'],
      [],
      [
        ['Angela Merkel', 'PERSON'],
        ['Barack Obama', 'PERSON'],
        ['Berlin', 'LOCATION'],
      ],
    ]);
  });

  it('is what getEntityExtractor and LocalNER of the compat entry load', async () => {
    const code = `
      import { getEntityExtractor, LocalNER, OpenAIEntities } from '@memvid/sdk/compat';
      const english = getEntityExtractor('local', { model: 'en-core-web-sm' });
      const found = await english.extract('Satya Nadella leads Microsoft from an office in Seattle.');
      const [none] = await english.extractBatch(['Seattle'], 1);
      const types = found.every(({ type }) => english.entityTypes.includes(type));
      const usual = await new LocalNER().extract('x').catch((error) => error);
      const cloud = await new OpenAIEntities({ apiKey: 'k' }).extract('x').catch((error) => error);
      console.log(JSON.stringify([english.name, found.map(({ name, type, confidence }) => [name, type, confidence >= 0.5]), none, types,
        usual.code, usual.details.model, cloud.code, cloud.message]));
    `;
    expect(await printed(code)).toEqual([
      'local:en-core-web-sm',
      [
        ['Satya Nadella', 'PERSON', true],
        ['Microsoft', 'ORG', true],
        ['Seattle', 'LOCATION', true],
      ],
      [],
      true,
      'MV017',
      'distilbert-ner',
      'MV018',
      '@memvid/ner has no OpenAIEntities',
    ]);
  });

  it('is asked for by its name where it is not installed', async () => {
    const code = `
      import { getEntityExtractor } from '@memvid/sdk/compat';
      const { code, message, suggestion, details } = await getEntityExtractor('local').extract('Ann').catch((error) => error);
      console.log(JSON.stringify([code, message, suggestion, details.model]));
    `;
    const run = await runIn(linkedInstallation('core', 'sdk'), code);
    const [number, message, suggestion, model] = JSON.parse(run.printed) as string[];
    expect([number, model]).toEqual(['MV017', 'distilbert-ner']);
    expect(message).toContain('@memvid/ner');
    expect(suggestion).toMatch(/npm install @memvid\/ner.*MEMVID_MODELS_DIR/s);
  });

  it('gives names that documents are found by', async () => {
    const code = `
      import { create } from '@memvid/sdk';
      import { ner } from '@memvid/ner';
      const extractor = ner();
      const texts = ['Angela Merkel met Barack Obama in Berlin.', 'Toyota builds cars in Japan.', 'Lunch is at noon.'];
      const found = await extractor.extract(texts);
      const memory = await create('notes.mv2');
      await memory.putMany(texts.map((text, n) => ({
        title: text.split(' ')[0], text,
        metadata: { people: found[n].filter(({ type }) => type === 'PERSON').map(({ name }) => name), places: found[n].filter(({ type }) => type === 'LOCATION').map(({ name }) => name) },
      })));
      const titles = async (where) => (await memory.find('met OR cars OR lunch', { where })).hits.map(({ title }) => title);
      console.log(JSON.stringify([await titles({ people: 'Barack Obama' }), await titles({ places: { $in: ['Japan', 'Kenya'] } })]));
      await memory.close();
      await extractor.close();
    `;
    expect(await printed(code)).toEqual([['Angela'], ['Toyota']]);
  });

  it('makes memory cards of the names in documents, once', async () => {
    const code = `
      import { create, open } from '@memvid/sdk';
      import { nerPlugin } from '@memvid/ner';
      const memory = await create('cards.mv2', { plugins: [nerPlugin()] });
      await memory.putMany([
        { title: 'a', text: 'Angela Merkel met Barack Obama in Berlin on Tuesday.' },
        { title: 'b', text: 'Satya Nadella leads Microsoft from an office in Seattle.' },
        { title: 'c', text: 'nothing is named here' },
      ]);
      const first = await memory.enrich('ner:en-core-web-sm');
      const entities = await memory.memoryEntities();
      const { slots } = await memory.state('Microsoft');
      const [card] = (await memory.memories('berlin', 'mentioned_at')).cards;
      const [start, end] = card.value.split('-').map(Number);
      const text = (await memory.view(card.sourceFrameId)).slice(start, end);
      await memory.close();
      const again = await open('cards.mv2', { plugins: [nerPlugin()] });
      const second = await again.enrich({ engine: 'en-core-web-sm' });
      await again.put({ text: 'Toyota builds cars in Japan.' });
      const third = await again.enrich({ engine: 'ner' });
      await again.close();
      console.log(JSON.stringify([first.engine, first.framesProcessed, entities, slots.type, text, second.framesProcessed, second.newCards,
        third.framesProcessed, third.totalEntities, third.rejectedCount]));
    `;
    expect(await printed(code)).toEqual([
      'local:en-core-web-sm',
      3,
      ['angela merkel', 'barack obama', 'berlin', 'microsoft', 'satya nadella', 'seattle'],
      {
        value: 'organisation',
        kind: 'fact',
        polarity: 'neutral',
        sourceFrameId: 1,
        documentDate: expect.any(Number),
        engine: 'local:en-core-web-sm',
      },
      'Berlin',
      0,
      0,
      1,
      8,
      0,
    ]);
  });
});
